import { z } from 'zod'

/** Text that every store can keep and every part reads the same: well-formed Unicode, and no NUL, which PostgreSQL has not. */
export function storableText(maxLength: number): z.ZodString {
  return z
    .string()
    .max(maxLength)
    .refine(
      (text) => text.isWellFormed() && !text.includes('\0'),
      'it holds a NUL character or half of a surrogate pair',
    )
}
