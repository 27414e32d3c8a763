import { createHash } from 'node:crypto'

/** The pages of signing in. No script, no request to anywhere, nothing to frame: plain forms. */

const css = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; background: Canvas; color: CanvasText; }
main { width: min(24rem, calc(100vw - 2rem)); }
h1 { font-size: 1.25rem; margin: 0 0 .25rem; }
p { margin: 0 0 1rem; opacity: .8; }
button { display: block; width: 100%; margin: .5rem 0; padding: .75rem 1rem; text-align: left; font: inherit; color: inherit;
  background: transparent; border: 1px solid color-mix(in srgb, currentColor 25%, transparent); border-radius: .5rem; cursor: pointer; }
button:hover, button:focus-visible { border-color: #2563eb; outline: 2px solid #2563eb55; }
button.main { background: #2563eb; border-color: #2563eb; color: #fff; text-align: center; font-weight: 600; }
label { display: block; margin: .5rem 0; }
input { display: block; width: 100%; box-sizing: border-box; padding: .6rem; font: inherit; color: inherit; background: transparent;
  border: 1px solid color-mix(in srgb, currentColor 35%, transparent); border-radius: .5rem; }
small { opacity: .7; }
.demo { display: inline-block; padding: 0 .5rem; border-radius: 1rem; background: #f59e0b; color: #000; font-size: .75rem; }
`

const styleHash = createHash('sha256').update(css).digest('base64')

/** Headers of every page: nothing may be loaded, framed or kept. */
export const pageHeaders: Readonly<Record<string, string>> = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${styleHash}'; frame-ancestors 'none'; base-uri 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

/** Somebody a page offers to sign in as. */
export interface Choice {
  readonly sub: string
  readonly label: string
  readonly note: string
}

export function choosePage(uid: string, choices: readonly Choice[], isDemo: boolean): string {
  const buttons = choices
    .map(
      ({ sub, label, note }) =>
        `<button name="sub" value="${escapeHtml(sub)}">${escapeHtml(label)}<br><small>${escapeHtml(note)}</small></button>`,
    )
    .join('\n')
  const badge = isDemo ? '<span class="demo">demo: nobody is asked for a password</span>' : ''
  return page(
    'Sign in',
    `<p>Who is signing in? ${badge}</p><form method="post" action="/sign-in/${uid}/login">${buttons}</form>`,
  )
}

export function passwordPage(uid: string, problem: string): string {
  const notice = problem ? `<p role="alert"><strong>${escapeHtml(problem)}</strong></p>` : ''
  return page(
    'Sign in',
    `${notice}<form method="post" action="/sign-in/${uid}/login">
<label>E-mail <input name="email" type="email" autocomplete="username" required autofocus></label>
<label>Password <input name="password" type="password" autocomplete="current-password" required></label>
<button class="main">Sign in</button></form>`,
  )
}

export function consentPage(uid: string, client: string, email: string): string {
  return page(
    'Continue?',
    `<p>The ${escapeHtml(client)} on this computer wants to sign in as <strong>${escapeHtml(email)}</strong>.
If you did not just start it, close this page.</p>
<form method="post" action="/sign-in/${uid}/consent"><button class="main" name="consent" value="yes">Continue</button></form>`,
  )
}

export function messagePage(title: string, text: string): string {
  return page(title, `<p>${escapeHtml(text)}</p>`)
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>${escapeHtml(title)} · hoop</title><style>${css}</style></head>
<body><main><h1>${escapeHtml(title)}</h1>${body}</main></body></html>
`
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
