import type { z } from 'zod'

/**
 * The HTTP contract lives here once: the server registers these routes, every client calls them, and both read the same
 * schemas. A path parameter stands as `:name` in the path and as a member of `params`.
 */

/** Who may call a route: nobody in particular, a signed-in caller, or the holder of one stream's upload key. */
export type RouteAuth = 'none' | 'bearer' | 'stream-key'

/** One route: where it is, who may call it, what goes in, what comes back with status 200. */
export interface Route<
  Params extends z.ZodType = z.ZodType,
  Query extends z.ZodType = z.ZodType,
  Body extends z.ZodType = z.ZodType,
  Reply extends z.ZodType = z.ZodType,
  Auth extends RouteAuth = RouteAuth,
> {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: `/v1/${string}`
  readonly auth: Auth
  readonly params: Params
  readonly query: Query
  readonly body: Body
  readonly reply: Reply
}

/** Declares a route with its types kept. */
export function defineRoute<
  P extends z.ZodType,
  Q extends z.ZodType,
  B extends z.ZodType,
  R extends z.ZodType,
  const A extends RouteAuth,
>(route: Route<P, Q, B, R, A>): Route<P, Q, B, R, A> {
  return route
}
