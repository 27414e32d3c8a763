import type { IncomingMessage } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { default as Provider } from 'oidc-provider'
import { audienceOf, type ServerContext } from '../context.ts'
import { type Choice, choosePage, consentPage, messagePage, pageHeaders, passwordPage } from './pages.ts'

/**
 * How people show who they are: by a click, which only the demo offers, or by a password. An identity provider behind the
 * server will be another.
 */
export type SignInMethod =
  | { readonly choices: readonly Choice[] }
  /** The subject that belongs to this address and password; undefined when they do not fit. */
  | { readonly checkPassword: (email: string, password: string) => Promise<string | undefined> }

interface SignInPorts {
  readonly context: ServerContext
  readonly issuer: Provider
  readonly method: SignInMethod
}

/** The pages' forms are a button each. */
const formLimitBytes = 16_384
/** From one address. People mistype; programs that guess are slowed down to this. */
const loginsPerMinute = 30

/** Mounts the issuer below `/oidc` and its pages below `/sign-in`. */
export async function registerSignIn(app: FastifyInstance, ports: SignInPorts): Promise<void> {
  await app.register((scope, _options, done) => {
    mountIssuer(scope, ports)
    done()
  })
  app.get('/sign-in/:uid', (request, reply) => page(ports, { request, reply }, show))
  const form = { bodyLimit: formLimitBytes }
  const login = { ...form, config: { rateLimit: { max: loginsPerMinute, timeWindow: '1 minute' } } }
  app.post('/sign-in/:uid/login', login, (request, reply) => page(ports, { request, reply }, logIn))
  app.post('/sign-in/:uid/consent', form, (request, reply) => page(ports, { request, reply }, consent))
}

function mountIssuer(scope: FastifyInstance, { context, issuer }: SignInPorts): void {
  const serve = issuer.callback()
  // It reads its own bodies, up to a limit of its own.
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', (_request, _payload, done) => done(null))
  scope.all('/oidc/*', async (request, reply) => {
    reply.hijack()
    const raw = canonicalRequest(context, request)
    raw.originalUrl = raw.url ?? ''
    raw.url = raw.originalUrl.slice('/oidc'.length)
    await serve(raw, reply.raw)
  })
}

interface Visit {
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

type Interaction = Awaited<ReturnType<Provider['interactionDetails']>>
type Step = (ports: SignInPorts, visit: Visit, interaction: Interaction) => Promise<FastifyReply>

const show: Step = async ({ context, method }, { reply }, { uid, prompt, session }) => {
  reply.headers(pageHeaders)
  if (prompt.name === 'login') {
    return reply.send('choices' in method ? choosePage(uid, method.choices, context.isDemo) : passwordPage(uid, ''))
  }
  const person = context.people.find(session?.accountId ?? '')
  return person
    ? reply.send(consentPage(uid, 'hoop command', person.email))
    : refuse(reply, 'This account is no longer known here.')
}

const logIn: Step = async (ports, visit, { prompt, uid }) => {
  if (prompt.name !== 'login') return refuse(visit.reply, 'Who signs in is settled. Start again: hoop login')
  const { method } = ports
  if ('choices' in method) {
    const sub = formValue(visit.request, 'sub')
    const isOffered = method.choices.some((choice) => choice.sub === sub)
    if (!isOffered) return refuse(visit.reply, 'Nobody of that name can sign in here.')
    return finish(ports, visit, { login: { accountId: sub, amr: ['click'] } })
  }
  const [email, password] = [formValue(visit.request, 'email'), formValue(visit.request, 'password')]
  const sub = await method.checkPassword(email, password)
  if (sub !== undefined) return finish(ports, visit, { login: { accountId: sub, amr: ['pwd'] } })
  return visit.reply.status(401).headers(pageHeaders).send(passwordPage(uid, 'Address and password do not fit.'))
}

const consent: Step = async (ports, visit, { prompt, session, params }) => {
  const { context, issuer } = ports
  const accountId = session?.accountId
  const isAsked = prompt.name === 'consent' && accountId !== undefined
  if (!isAsked || formValue(visit.request, 'consent') !== 'yes') return refuse(visit.reply, 'Nothing was granted.')
  const grant = new issuer.Grant({ accountId, clientId: String(params['client_id']) })
  grant.addOIDCScope('openid')
  grant.addResourceScope(audienceOf(context), 'api')
  return finish(ports, visit, { consent: { grantId: await grant.save() } })
}

/** Hands the outcome to the issuer, and sends the browser back there. */
async function finish(
  { context, issuer }: SignInPorts,
  { request, reply }: Visit,
  result: Parameters<Provider['interactionResult']>[2],
): Promise<FastifyReply> {
  const raw = canonicalRequest(context, request)
  const address = await issuer.interactionResult(raw, reply.raw, result, { mergeWithLastSubmission: true })
  return reply.headers(pageHeaders).redirect(address, 303)
}

/** One page of a sign-in: of this browser's own, begun and not over. Anything else is a page that says so. */
async function page(ports: SignInPorts, visit: Visit, step: Step): Promise<FastifyReply> {
  const { request, reply } = visit
  // A form that another site has sent. Browsers that do not say are kept out by the cookie, which is SameSite=Lax.
  const isForeign = request.method === 'POST' && !isOwn(request.headers['sec-fetch-site'])
  if (isForeign) return refuse(reply, 'This form came from another site.')
  const interaction = await findInteraction(ports, visit)
  if (interaction?.uid !== (request.params as { readonly uid: string }).uid) {
    return refuse(reply, 'This sign-in is over. Start again from the terminal: hoop login')
  }
  return step(ports, visit, interaction)
}

async function findInteraction(
  { context, issuer }: SignInPorts,
  { request, reply }: Visit,
): Promise<Interaction | null> {
  try {
    return await issuer.interactionDetails(canonicalRequest(context, request), reply.raw)
  } catch (error) {
    // Its way to say that the cookie or what it names is gone.
    if (error instanceof Error && error.name === 'SessionNotFound') return null
    throw error
  }
}

function isOwn(site: string | readonly string[] | undefined): boolean {
  return site === undefined || site === 'same-origin' || site === 'none'
}

/** The request as it would be at the server's own address: the issuer derives its endpoints and cookies from that. */
function canonicalRequest(context: ServerContext, request: FastifyRequest): IncomingMessage & { originalUrl?: string } {
  const { host, protocol } = new URL(context.url)
  Object.assign(request.raw.headers, { 'x-forwarded-host': host, 'x-forwarded-proto': protocol.slice(0, -1) })
  return request.raw
}

function refuse(reply: FastifyReply, text: string): FastifyReply {
  return reply.status(400).headers(pageHeaders).send(messagePage('Not signed in', text))
}

function formValue(request: FastifyRequest, name: string): string {
  const body = request.body
  return body instanceof URLSearchParams ? (body.get(name) ?? '') : ''
}
