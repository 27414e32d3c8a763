/** Opens the browser, where there is one. The address has been printed anyway, so a failure is not an error. */
export async function openBrowser(url: string): Promise<void> {
  const { default: open } = await import('open')
  try {
    const child = await open(url)
    child.on('error', () => undefined)
    child.unref()
  } catch {
    // Nothing to open it with: the person does it by hand.
  }
}
