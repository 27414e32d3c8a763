import { createHash } from 'node:crypto'
import { safeForTerminal } from '../base/terminal-text.ts'

const css =
  'body{font:16px/1.5 system-ui,sans-serif;display:grid;place-items:center;min-height:100vh;margin:0;color-scheme:light dark}'
const cssHash = createHash('sha256').update(css).digest('base64')

/** Of every reply to the browser: nothing runs, nothing is fetched, framed, kept or passed on. */
export const pageHeaders = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': `default-src 'none'; style-src 'sha256-${cssHash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** A page of one sentence. */
export function callbackPage(text: string): string {
  const safe = safeForTerminal(text).replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`)
  return `<!doctype html><html lang="en"><meta charset="utf-8"><title>hoop</title><style>${css}</style><p>${safe}</p></html>\n`
}
