import { AppError } from '../base/app-error.ts'

/**
 * Goes through a sign-in as a person at a browser would: follows redirects, keeps cookies, presses the button of one of the
 * demo's people, then the one that continues. It knows no token and no secret, only the address it was given.
 */
export async function clickThrough(address: string, sub: string): Promise<void> {
  const cookies = new Map<string, string>()
  let next: Request | undefined = new Request(address)
  for (let steps = 0; next && steps < 20; steps++) {
    const reply: Response = await visit(next, cookies)
    const location = reply.headers.get('location')
    if (location) {
      next = new Request(new URL(location, next.url))
      continue
    }
    const page = await reply.text()
    if (!reply.ok)
      throw new AppError(
        'LOGIN_FAILED',
        `Cannot sign in: the page at ${new URL(next.url).pathname} answers ${reply.status}`,
      )
    next = pressButton(next.url, page, sub)
  }
}

async function visit(request: Request, cookies: Map<string, string>): Promise<Response> {
  const jar = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  const headers = new Headers(request.headers)
  if (jar) headers.set('cookie', jar)
  const reply = await fetch(new Request(request, { headers, redirect: 'manual' }))
  for (const line of reply.headers.getSetCookie()) {
    const [pair = ''] = line.split(';')
    const equals = pair.indexOf('=')
    cookies.set(pair.slice(0, equals), pair.slice(equals + 1))
  }
  return reply
}

/** The request that the wanted button of a page makes; undefined for a page without buttons, which is the last one. */
function pressButton(base: string, page: string, sub: string): Request | undefined {
  const action = /<form method="post" action="([^"]+)"/.exec(page)?.[1]
  if (!action) return undefined
  const buttons = [...page.matchAll(/<button[^>]* name="(\w+)" value="([^"]*)"/g)].map(([, name = '', value = '']) => ({
    name,
    value,
  }))
  const wanted = buttons.find(({ value }) => value === sub) ?? (buttons.length === 1 ? buttons[0] : undefined)
  if (!wanted) throw new AppError('LOGIN_FAILED', `Cannot sign in: the page has no button for ${sub}`)
  return new Request(new URL(action, base), {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams([[wanted.name, wanted.value]]).toString(),
  })
}
