/** Thrown by a command that was stopped by a signal and has nothing to add. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted'
  readonly exit: 130 | 143

  constructor(signal: 'SIGINT' | 'SIGTERM') {
    super(`Stopped by ${signal}`)
    this.exit = signal === 'SIGINT' ? 130 : 143
  }
}
