import { execFileSync } from 'node:child_process'
import { cpSync, readdirSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'

/** Compiles src into dist and takes along what is not TypeScript: policies, SQL, styles. */
const root = join(import.meta.dirname, '..')
const tsc = createRequire(import.meta.url).resolve('typescript/bin/tsc')

rmSync(join(root, 'dist'), { recursive: true, force: true })
try {
  execFileSync(process.execPath, [tsc, '-p', 'tsconfig.json'], { cwd: root, stdio: 'inherit' })
} catch (error) {
  // The compiler has said on the terminal what is wrong.
  process.exit(error.status ?? 1)
}

const assets = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true })
  .filter((file) => file.isFile() && !/\.(ts|tsx)$/.test(file.name))
  .map((file) => join(file.parentPath, file.name).slice(join(root, 'src').length + 1))
for (const path of assets) cpSync(join(root, 'src', path), join(root, 'dist', path))
