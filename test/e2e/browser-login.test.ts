import { existsSync } from 'node:fs'
import { type Browser, chromium } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type HoopHome, newHoopHome } from '../support/hoop-process.ts'
import { type Shop, startShop } from '../support/shop.ts'

/** A real browser, where Debian's Chromium is installed. */
const chromiumPath = '/usr/bin/chromium'
const hasChromium = existsSync(chromiumPath)
if (!hasChromium) process.stderr.write('SKIPPED: chromium is not installed, so no real browser signs in\n')

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

describe.skipIf(!hasChromium)('signing in with a browser', () => {
  let shop: Shop
  let home: HoopHome
  let browser: Browser

  beforeAll(async () => {
    shop = await startShop()
    home = newHoopHome()
    browser = await chromium.launch({ executablePath: chromiumPath, args: flags })
  })
  afterAll(async () => {
    await browser?.close()
    await shop?.stop()
    home?.remove()
  })

  test('two clicks, and the terminal is signed in; the code is off the address bar', async () => {
    const login = home.start(['login', shop.demo.url, '--no-browser', '--context', 'developer', '--store', 'plaintext'])
    const [, address = ''] = await login.says(/(http:\/\/\S+\/oidc\/auth\?\S+)/)
    const page = await browser.newPage()
    const problems: string[] = []
    page.on('console', (message) => message.type() === 'error' && problems.push(message.text()))
    await page.goto(address)
    await page.getByRole('button', { name: /developer/ }).click()
    await page.getByRole('button', { name: 'Continue' }).click()
    await page.waitForURL(/\/done$/)

    expect(await page.textContent('body')).toMatch(/Signed in to .*developer@shop\.example/)
    expect(problems.filter((text) => !text.includes('favicon'))).toEqual([])
    expect(await login.ended).toMatchObject({ exit: 0, stderr: expect.stringContaining('developer@shop.example') })
    expect((await home.run(['whoami', '--json', '-C', 'developer'])).stdout).toContain('"developers"')
  })

  test('a hostile page that sends requests to the waiting port does not disturb the sign-in', async () => {
    const login = home.start(['login', shop.demo.url, '--no-browser', '--context', 'approver', '--store', 'plaintext'])
    const [, address = ''] = await login.says(/(http:\/\/\S+\/oidc\/auth\?\S+)/)
    const callback = new URL(new URL(address).searchParams.get('redirect_uri') ?? '')
    const hostile = await browser.newPage()
    await hostile.setContent(`
      <img src="${callback.href}?code=stolen&state=guess"><iframe src="${callback.href}?code=x&state=y"></iframe>
      <form method="post" action="${callback.href}" target="_blank"><input name="code" value="x"></form>
      <script>
        fetch('${callback.href}?code=x&state=y', { mode: 'no-cors' }).catch(() => 0)
        document.forms[0].submit()
      </script>`)
    await hostile.waitForTimeout(300)
    const page = await browser.newPage()
    await page.goto(address)
    await page.getByRole('button', { name: /approver/ }).click()
    await page.getByRole('button', { name: 'Continue' }).click()

    expect(await login.ended).toMatchObject({ exit: 0, stderr: expect.stringContaining('approver@shop.example') })
  })
})
