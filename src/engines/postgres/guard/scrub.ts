import { decodeReport, encodeNotification, encodeReport } from '../wire/backend-messages.ts'
import { BodyReader } from '../wire/body-reader.ts'

/**
 * What the database says about an error may quote values: a failed cast, a key that exists, a whole failing row, whatever a
 * function raised. Where classified columns are in scope only the kind of the error is let through.
 */

/** Words for the classes of Appendix A that statements meet; what they say depends on the code alone. */
const classes: ReadonlyMap<string, string> = new Map([
  ['08', 'connection problem'],
  ['21', 'more than one row came back where one was wanted'],
  ['22', 'a value is not valid for its type'],
  ['23', 'a constraint was violated'],
  ['25', 'the transaction is in the wrong state for this'],
  ['40', 'the transaction was rolled back'],
  ['42', 'the statement is not valid or not permitted'],
  ['53', 'the server is short of resources'],
  ['54', 'a limit of the server was passed'],
  ['55', 'an object is not in the state this needs'],
  ['57', 'the statement was cancelled'],
])

/** An ErrorResponse or NoticeResponse without what could hold a value; `event` says where the statement is recorded. */
export function scrubReport(kind: 'error' | 'notice', body: Buffer, event: string): Buffer {
  const given = decodeReport(body)
  const sqlstate = safeSqlstate(given.get('C') ?? '')
  const fields = new Map([
    ['S', given.get('V') ?? 'ERROR'],
    ['V', given.get('V') ?? 'ERROR'],
    ['C', sqlstate],
    ['M', `${classes.get(sqlstate.slice(0, 2)) ?? 'the database reported a problem'} (${sqlstate})`],
    ['D', `hoop: details are withheld because the statement touches classified columns. Recorded as ${event}.`],
  ])
  const position = given.get('P')
  if (position && /^\d{1,9}$/.test(position)) fields.set('P', position)
  return encodeReport(kind, fields)
}

/** The code itself where it is one of the manual's kind; RAISE can put five letters of data there. */
function safeSqlstate(code: string): string {
  return /^[0-9A-Z]{5}$/.test(code) && classes.has(code.slice(0, 2)) ? code : 'XX000'
}

/** A NotificationResponse without its payload, which another session may have filled with anything. */
export function dropPayload(body: Buffer): Buffer {
  const reader = new BodyReader(body)
  const processId = reader.int32()
  return encodeNotification(processId, reader.text())
}
