/** Every way in which bytes can fail to be PostgreSQL's protocol. */
export type WireErrorCode =
  | 'WIRE_BAD_LENGTH'
  | 'WIRE_TOO_LARGE'
  | 'WIRE_BODY_TOO_SHORT'
  | 'WIRE_BODY_TOO_LONG'
  | 'WIRE_UNKNOWN_MESSAGE'
  | 'WIRE_OUT_OF_PHASE'
  | 'WIRE_BAD_TEXT'
  | 'WIRE_BAD_VALUE'
  | 'WIRE_AUTHENTICATION'

/** Bytes that are not the protocol. Whoever fed them in knows, and says, which peer is to blame. */
export class WireError extends Error {
  override readonly name = 'WireError'
  readonly code: WireErrorCode

  constructor(code: WireErrorCode, message: string) {
    super(message)
    this.code = code
  }
}
