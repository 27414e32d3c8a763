import { z } from 'zod'
import { defineRoute } from './route.ts'

const nothing = z.strictObject({})

/** Files of a policy folder by path relative to it: `prod.cedar`, `classification.yaml`, `transforms.yaml`. */
export const policyFiles = z.record(z.string().max(200), z.string().max(1_000_000))

export const policyVersion = z.strictObject({
  version: z.int(),
  digest: z.string(),
  publishedAtMs: z.int(),
  publishedBy: z.string(),
})

export type PolicyVersion = z.infer<typeof policyVersion>

/** Publishes a folder: compiled and checked first, and refused whole (POLICY_INVALID) when anything in it is wrong. */
export const pushPolicy = defineRoute({
  method: 'PUT',
  path: '/v1/policy',
  auth: 'bearer',
  params: nothing,
  query: nothing,
  body: z.strictObject({ files: policyFiles }),
  reply: policyVersion,
})

export const getPolicy = defineRoute({
  method: 'GET',
  path: '/v1/policy',
  auth: 'bearer',
  params: nothing,
  query: nothing,
  body: nothing,
  reply: z.strictObject({ version: policyVersion, files: policyFiles }),
})
