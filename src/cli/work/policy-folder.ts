import { lstat, mkdir, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, relative, sep } from 'node:path'
import { AppError } from '../../base/app-error.ts'

const policyFile = /\.(cedar|yaml|yml)$/

/** Files of a policy folder by their path in it, and what lies there too but is no policy. */
export interface PolicyFolder {
  readonly files: Readonly<Record<string, string>>
  readonly leftOut: readonly string[]
}

/**
 * Reads every `.cedar`, `.yaml` and `.yml` below a folder. Hidden files and folders are not looked at.
 * @throws AppError `CONFIG_INVALID` when it is no folder, holds no policy, or something in it is a symbolic link
 */
export async function readPolicyFolder(folder: string): Promise<PolicyFolder> {
  const files: Record<string, string> = {}
  const leftOut: string[] = []
  for (const path of await pathsBelow(folder)) {
    const name = relative(folder, path).split(sep).join('/')
    if (policyFile.test(name)) files[name] = await readFile(path, 'utf8')
    else leftOut.push(name)
  }
  if (Object.keys(files).length === 0) {
    throw new AppError('CONFIG_INVALID', `Cannot read policy: "${folder}" holds no .cedar or .yaml file`)
  }
  return { files, leftOut }
}

/**
 * Writes the files of a policy into a folder that is new or empty, or with `mayReplace` over what is there.
 * @throws AppError `SERVER_MISTRUSTED` when a name would leave the folder
 */
export async function writePolicyFolder(
  folder: string,
  files: Readonly<Record<string, string>>,
  mayReplace: boolean,
): Promise<void> {
  for (const name of Object.keys(files)) {
    if (!/^[\w-][\w.-]*(\/[\w-][\w.-]*)*$/.test(name)) {
      throw new AppError('SERVER_MISTRUSTED', `Cannot write policy: the server names a file "${name}"`)
    }
  }
  await mkdir(folder, { recursive: true })
  if (!mayReplace && (await readdir(folder)).length > 0) {
    throw new AppError('USAGE', `Cannot write policy: "${folder}" is not empty`, {
      hint: 'Name a new folder, or add --replace to write over what is there',
    })
  }
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true })
    await writeFile(join(folder, name), text)
  }
}

async function pathsBelow(folder: string): Promise<readonly string[]> {
  const names = await readdir(folder).catch((cause: unknown) => {
    throw new AppError('CONFIG_INVALID', `Cannot read policy: "${folder}" is no folder that can be read`, { cause })
  })
  const paths: string[] = []
  for (const name of names.filter((hidden) => !hidden.startsWith('.')).sort()) {
    const path = join(folder, name)
    const found = await lstat(path)
    if (found.isSymbolicLink()) {
      // What it points at may lie anywhere, and would be published.
      throw new AppError('CONFIG_INVALID', `Cannot read policy: "${path}" is a symbolic link`)
    }
    if (found.isDirectory()) paths.push(...(await pathsBelow(path)))
    else if (found.isFile()) paths.push(path)
  }
  return paths
}
