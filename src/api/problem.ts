import { z } from 'zod'
import { errorCodes } from '../base/app-error.ts'

const codes = Object.keys(errorCodes) as [keyof typeof errorCodes, ...(keyof typeof errorCodes)[]]

/** Body of every reply that is not a success. `code` is one of base/app-error, so a client can rebuild the error. */
export const problem = z.strictObject({
  error: z.strictObject({
    code: z.enum(codes),
    message: z.string(),
    hint: z.string().optional(),
    /** Rule, request or audit id it is about, when there is one. */
    rule: z.string().optional(),
    request: z.string().optional(),
  }),
})

export type Problem = z.infer<typeof problem>
