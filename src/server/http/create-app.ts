import type { RequestListener } from 'node:http'
import cookie from '@fastify/cookie'
import helmet from '@fastify/helmet'
import rateLimit from '@fastify/rate-limit'
import fastify, { type FastifyInstance } from 'fastify'
import { AppError } from '../../base/app-error.ts'
import type { Log } from '../../base/ports.ts'
import type { Listening } from './listening.ts'
import { sendProblem } from './problem.ts'

/** Largest body: a batch of audit links. Only those who have shown who they are get this far. */
const bodyLimitBytes = 32 * 1024 * 1024

/** An app with what holds for every route: headers, limits, and errors in the one shape clients understand. */
export async function createApp(
  listening: Listening,
  ports: { readonly log: Log; readonly isBehindProxy: boolean },
): Promise<{
  readonly app: FastifyInstance
  /** Starts to answer. Call it when every route is registered. */
  serve(): Promise<void>
}> {
  let listener: RequestListener | undefined
  const app = fastify({
    bodyLimit: bodyLimitBytes,
    // Whose address counts for the rate limit. A proxy is trusted for it only where an outsider cannot be.
    trustProxy: ports.isBehindProxy ? ['loopback', 'linklocal', 'uniquelocal'] : false,
    // Closing waits for what is under way, and that is still answered.
    return503OnClosing: false,
    frameworkErrors: (error, _request, reply) => void sendProblem(ports.log, reply, error),
    serverFactory(handler) {
      listener = handler
      return listening.server
    },
  })
  app.setErrorHandler((error, _request, reply) => sendProblem(ports.log, reply, error))
  await app.register(helmet, {
    contentSecurityPolicy: { useDefaults: false, directives: { defaultSrc: ["'none'"], frameAncestors: ["'none'"] } },
    referrerPolicy: { policy: 'no-referrer' },
    // The proxy in front of it knows whether all of the name is reached by TLS.
    strictTransportSecurity: false,
  })
  await app.register(cookie)
  await app.register(rateLimit, { max: 6_000, timeWindow: '1 minute' })
  app.setNotFoundHandler({ preHandler: app.rateLimit() }, (_request, reply) =>
    sendProblem(ports.log, reply, new AppError('NOT_FOUND', 'Cannot answer: the server has nothing at this address')),
  )
  app.addContentTypeParser('application/x-www-form-urlencoded', { parseAs: 'string' }, (_request, text, done) =>
    done(null, new URLSearchParams(String(text))),
  )
  return {
    app,
    async serve() {
      await app.ready()
      if (listener) listening.answer(listener)
    },
  }
}
