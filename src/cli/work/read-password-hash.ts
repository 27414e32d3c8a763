import { AppError } from '../../base/app-error.ts'
import { hashPassword } from '../../server/auth/passwords.ts'

const minCharacters = 12

/** The hash of the first line of `input`. @throws AppError `USAGE` when it is too short to be one */
export async function readPasswordHash(input: NodeJS.ReadableStream): Promise<string> {
  let text = ''
  for await (const chunk of input) text += String(chunk)
  const password = text.split(/\r?\n/)[0] ?? ''
  if (password.length >= minCharacters) return hashPassword(password)
  throw new AppError('USAGE', `Cannot use the password: it has fewer than ${minCharacters} characters`)
}
