/** Type bytes of protocol 3 (manual, chapter "Message Formats"). One byte means different things in each direction. */
const code = (letter: string): number => letter.charCodeAt(0)

/** What a client may send once it is past start-up. */
export const frontend = {
  bind: code('B'),
  close: code('C'),
  copyData: code('d'),
  copyDone: code('c'),
  copyFail: code('f'),
  describe: code('D'),
  execute: code('E'),
  flush: code('H'),
  functionCall: code('F'),
  parse: code('P'),
  password: code('p'),
  query: code('Q'),
  sync: code('S'),
  terminate: code('X'),
} as const

/** What a server may send. */
export const backend = {
  authentication: code('R'),
  backendKeyData: code('K'),
  bindComplete: code('2'),
  closeComplete: code('3'),
  commandComplete: code('C'),
  copyBothResponse: code('W'),
  copyData: code('d'),
  copyDone: code('c'),
  copyInResponse: code('G'),
  copyOutResponse: code('H'),
  dataRow: code('D'),
  emptyQueryResponse: code('I'),
  errorResponse: code('E'),
  functionCallResponse: code('V'),
  negotiateProtocolVersion: code('v'),
  noData: code('n'),
  noticeResponse: code('N'),
  notificationResponse: code('A'),
  parameterDescription: code('t'),
  parameterStatus: code('S'),
  parseComplete: code('1'),
  portalSuspended: code('s'),
  readyForQuery: code('Z'),
  rowDescription: code('T'),
} as const

export const frontendTypes: ReadonlySet<number> = new Set(Object.values(frontend))
export const backendTypes: ReadonlySet<number> = new Set(Object.values(backend))

/** The type byte as people write it, for messages to people. */
export function typeName(type: number): string {
  return type > 32 && type < 127 ? `"${String.fromCharCode(type)}"` : `0x${type.toString(16).padStart(2, '0')}`
}
