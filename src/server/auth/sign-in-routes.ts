import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { default as Provider } from 'oidc-provider'
import { audienceOf, type ServerContext } from '../context.ts'
import { type Choice, choosePage, consentPage, messagePage, pageHeaders } from './pages.ts'

/** How people show who they are. The demo's lets anybody click; an identity provider behind the server will be another. */
export interface SignInMethod {
  readonly choices: readonly Choice[]
}

/** Mounts the issuer below `/oidc` and its pages below `/sign-in`. */
export function registerSignIn(
  app: FastifyInstance,
  context: ServerContext,
  issuer: Provider,
  method: SignInMethod,
): void {
  const serve = issuer.callback()
  app.all('/oidc/*', async (request, reply) => {
    reply.hijack()
    const raw = request.raw as typeof request.raw & { originalUrl?: string }
    raw.originalUrl = raw.url ?? ''
    raw.url = raw.originalUrl.slice('/oidc'.length)
    await serve(raw, reply.raw)
  })

  app.get('/sign-in/:uid', (request, reply) =>
    guarded(request, reply, () => show(context, issuer, method, { request, reply })),
  )

  app.post('/sign-in/:uid/login', (request, reply) =>
    guarded(request, reply, async () => {
      const sub = formValue(request, 'sub')
      if (!method.choices.some((choice) => choice.sub === sub))
        return refuse(reply, 'Nobody of that name can sign in here.')
      reply.hijack()
      await issuer.interactionFinished(request.raw, reply.raw, { login: { accountId: sub, amr: ['click'] } })
    }),
  )

  app.post('/sign-in/:uid/consent', (request, reply) =>
    guarded(request, reply, async () => {
      const details = await issuer.interactionDetails(request.raw, reply.raw)
      const accountId = details.session?.accountId
      if (formValue(request, 'consent') !== 'yes' || !accountId) return refuse(reply, 'Nothing was granted.')
      const grant = new issuer.Grant({ accountId, clientId: String(details.params['client_id']) })
      grant.addOIDCScope('openid')
      grant.addResourceScope(audienceOf(context), 'api')
      const grantId = await grant.save()
      reply.hijack()
      await issuer.interactionFinished(
        request.raw,
        reply.raw,
        { consent: { grantId } },
        { mergeWithLastSubmission: true },
      )
    }),
  )
}

async function show(
  context: ServerContext,
  issuer: Provider,
  method: SignInMethod,
  { request, reply }: { request: FastifyRequest; reply: FastifyReply },
): Promise<FastifyReply> {
  const details = await issuer.interactionDetails(request.raw, reply.raw)
  reply.headers(pageHeaders)
  if (details.prompt.name === 'login') return reply.send(choosePage(details.uid, method.choices, context.isDemo))
  const person = context.people.find(details.session?.accountId ?? '')
  return reply.send(consentPage(details.uid, 'hoop command', person?.email ?? 'nobody'))
}

/** oidc-provider throws for an interaction that is over or not this browser's: that is a page, not a server error. */
async function guarded<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  work: () => Promise<T>,
): Promise<T | FastifyReply> {
  try {
    return await work()
  } catch (error) {
    if (reply.sent) throw error
    request.log.debug({ error }, 'sign-in page refused')
    return refuse(reply, 'This sign-in is over. Start again from the terminal: hoop login')
  }
}

function refuse(reply: FastifyReply, text: string): FastifyReply {
  return reply.status(400).headers(pageHeaders).send(messagePage('Not signed in', text))
}

function formValue(request: FastifyRequest, name: string): string {
  const body = request.body
  return body instanceof URLSearchParams ? (body.get(name) ?? '') : ''
}
