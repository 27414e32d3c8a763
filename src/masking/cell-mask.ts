import type { TransformName } from '../policy/decision.ts'
import type { FieldDescription } from './result-plan.ts'
import { textTransforms } from './text-transforms.ts'

/** Masks one cell; null is SQL NULL. Cells that are NULL already are never given. */
export type CellMask = (cell: Uint8Array) => Uint8Array | null

/** OIDs of pg_type whose values are their text, in binary format too. */
const textTypes = new Set([18, 19, 25, 1042, 1043])
const dateType = 1082
const timestampTypes = new Set([1114, 1184])

const toNull: CellMask = () => null

/** The mask for one column. A type or format it cannot write gives NULL, never the value itself. */
export function cellMask(
  transform: TransformName,
  field: Pick<FieldDescription, 'typeOid' | 'typmod' | 'format'>,
): CellMask {
  if (transform === 'year') return yearMask(field)
  const write = transform === 'null' ? undefined : textTransforms[transform]
  if (!write || !textTypes.has(field.typeOid)) return toNull
  const limit = characterLimit(field)
  return (cell) => {
    const masked = write(Buffer.from(cell.buffer, cell.byteOffset, cell.length).toString('utf8'))
    return Buffer.from(limit === null ? masked : [...masked].slice(0, limit).join(''))
  }
}

/** varchar(n) and char(n) carry n + 4 as their modifier; a mask must fit where the value did. */
function characterLimit({ typeOid, typmod }: Pick<FieldDescription, 'typeOid' | 'typmod'>): number | null {
  if (typeOid === 18) return 1
  if (typeOid === 19) return 63
  return typmod > 4 ? typmod - 4 : null
}

/** Keeps the year: first of January, midnight. Text dates other than ISO ones become NULL. */
function yearMask({ typeOid, format }: Pick<FieldDescription, 'typeOid' | 'format'>): CellMask {
  const isDate = typeOid === dateType
  if (!isDate && !timestampTypes.has(typeOid)) return toNull
  if (format === 0) {
    return (cell) => {
      const match = /^(\d{4,6})-\d\d-\d\d/.exec(Buffer.from(cell).toString('latin1'))
      if (!match) return null
      return Buffer.from(`${match[1]}-01-01${isDate ? '' : ' 00:00:00'}${typeOid === 1184 ? '+00' : ''}`)
    }
  }
  return isDate ? binaryDateYear : binaryTimestampYear
}

const epochMs = Date.UTC(2000, 0, 1)
const dayMs = 86_400_000

/** Binary date: days since 2000-01-01; the ends of the range mean infinity. */
function binaryDateYear(cell: Uint8Array): Uint8Array | null {
  if (cell.length !== 4) return null
  const days = Buffer.from(cell).readInt32BE()
  const year = new Date(epochMs + days * dayMs).getUTCFullYear()
  if (!Number.isFinite(year)) return null
  const masked = Buffer.alloc(4)
  masked.writeInt32BE(Math.round((utcYear(year) - epochMs) / dayMs))
  return masked
}

/** Binary timestamp: microseconds since 2000-01-01. */
function binaryTimestampYear(cell: Uint8Array): Uint8Array | null {
  if (cell.length !== 8) return null
  const ms = Number(Buffer.from(cell).readBigInt64BE() / 1000n)
  const year = new Date(epochMs + ms).getUTCFullYear()
  if (!Number.isFinite(year)) return null
  const masked = Buffer.alloc(8)
  masked.writeBigInt64BE(BigInt(utcYear(year) - epochMs) * 1000n)
  return masked
}

/** Date.UTC takes years below 100 for those of the last century. */
function utcYear(year: number): number {
  return new Date(Date.UTC(2000, 0, 1)).setUTCFullYear(year)
}
