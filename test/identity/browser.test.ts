import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import { signIn } from '../../src/identity/sign-in.ts'
import { systemClock } from '../../src/identity/system-clock.ts'
import { startTestServer, type TestServer } from '../server/support/test-server.ts'

const executablePath = '/usr/bin/chromium'
const hasChromium = existsSync(executablePath)
if (!hasChromium) process.stderr.write(`SKIPPED: sign-in in a real browser needs ${executablePath}\n`)

describe.runIf(hasChromium)('in a real browser', () => {
  let server: TestServer
  let browser: Browser

  beforeAll(async () => {
    server = await startTestServer()
    // No sandbox: it cannot be had as root, and only pages of our own are opened.
    browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] })
  })

  afterAll(async () => {
    await browser?.close()
    await server?.stop()
  })

  test('a person clicks through, ends on a page that names them, and the code is not in its address', async () => {
    const page = await browser.newPage()
    const { me } = await signIn({
      server: server.url,
      clock: systemClock,
      present: async (url) => {
        await page.goto(url)
        await page.click('button[value="ana"]')
        await page.click('button[value="yes"]', { noWaitAfter: true })
      },
    })
    await page.waitForURL('**/done')

    expect(me.email).toBe('ana@example.com')
    expect(await page.textContent('p')).toBe(
      `Signed in to ${new URL(server.url).host} as ana@example.com. Return to your terminal.`,
    )
    expect(page.url()).not.toContain('code')
    await page.close()
  })

  test('a hostile page that knows the port and the state cannot end or plant a sign-in', async () => {
    const attacks: string[] = []
    const page = await browser.newPage()
    const { me } = await signIn({
      server: server.url,
      clock: systemClock,
      present: async (url) => {
        const { searchParams } = new URL(url)
        const forged = `${searchParams.get('redirect_uri')}?code=planted&state=${searchParams.get('state')}`
        const evil = await hostilePage(forged)
        const other = await browser.newPage()
        other.on('response', (reply) => {
          if (reply.url().includes('planted')) attacks.push(`${reply.request().resourceType()} ${reply.status()}`)
        })
        await other.goto(evil)
        await other.waitForFunction('document.title === "done"')
        await other.close()
        await page.goto(url)
        await page.click('button[value="ana"]')
        await page.click('button[value="yes"]', { noWaitAfter: true })
      },
    })

    expect(me.sub).toBe('ana')
    expect(attacks.length).toBeGreaterThanOrEqual(3)
    expect(attacks.filter((attack) => !attack.endsWith(' 400'))).toEqual([])
    await page.close()
  })
})

/** A page of another origin that fires at the address in every way but opening it as a page. */
async function hostilePage(target: string): Promise<string> {
  const html = `<!doctype html><title>x</title><body>
    <img src="${target}"><iframe name="f" src="${target}"></iframe><script src="${target}"></script>
    <form id="p" method="post" target="f" action="${target}"></form>
    <script>
      const all = [fetch('${target}', { mode: 'no-cors' }), fetch('${target}', { method: 'POST', mode: 'no-cors' })]
      document.getElementById('p').submit()
      Promise.allSettled(all).then(() => setTimeout(() => { document.title = 'done' }, 300))
    </script>`
  const attacker = createServer((_request, reply) => {
    reply.writeHead(200, { 'content-type': 'text/html' }).end(html)
  })
  await new Promise<void>((resolve) => attacker.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void attacker.close())
  // Another origin, and another site.
  return `http://localhost:${(attacker.address() as AddressInfo).port}/`
}
