import type { Json } from '../base/canonical-json.ts'

/**
 * Rows of the demo shop. Nobody in it exists: names are put together from lists, addresses end in reserved domains
 * (RFC 2606), telephone numbers lie in a range kept for fiction, card numbers in one that card networks keep for tests.
 * The seed is fixed, so that every demo shows the same shop.
 */

/** One table and its rows, each value as JSON gives it to its column. */
export interface TableRows {
  readonly table: string
  readonly columns: readonly string[]
  readonly rows: readonly Row[]
}

type Row = readonly Json[]

const counts = { customers: 2_000, orders: 4_000, employees: 40 } as const

const first =
  'Ada Bela Cara Dino Edda Finn Gita Hugo Ines Jovan Kira Lino Mara Nils Olga Pius Rosa Sven Tilda Uwe'.split(' ')
const last = 'Adler Brook Cedar Dune Ember Field Glade Heath Iris Juniper Kestrel Lark Moor Nettle Oak Pine'.split(' ')
const cities = 'Aalen Bergamo Cadiz Delft Espoo Faro Ghent Haarlem Izmir Jena Krems Lugano'.split(' ')
const domains = ['example.com', 'example.org', 'example.net']
const statuses = ['new', 'paid', 'packed', 'shipped', 'returned']
const titles = ['Picker', 'Packer', 'Driver', 'Buyer', 'Support lead', 'Engineer', 'Accountant']
const day = 86_400_000
const opening = Date.UTC(2024, 0, 1)

/** All rows of the shop, parents before children. */
export function shopRows(): readonly TableRows[] {
  const draw = generator(20_260_101)
  const customers = Array.from({ length: counts.customers }, (_, at) => customer(at + 1, draw))
  const orders = Array.from({ length: counts.orders }, (_, at) => order(at + 1, draw))
  const payments = orders
    .filter(([, , status]) => status !== 'new')
    .map(([id, customerId, , total, placedAt], at) => {
      const card = customers[Number(customerId) - 1]?.[4] ?? ''
      return [at + 1, id ?? 0, total ?? '0', card, placedAt ?? ''] as const
    })
  const employees = Array.from({ length: counts.employees }, (_, at) => employee(at + 1, draw))
  return [
    {
      table: 'customers',
      columns: ['id', 'name', 'email', 'phone', 'card', 'birth_date', 'city', 'notes', 'profile', 'created_at'],
      rows: customers,
    },
    { table: 'orders', columns: ['id', 'customer_id', 'status', 'total', 'placed_at'], rows: orders },
    { table: 'payments', columns: ['id', 'order_id', 'amount', 'card', 'paid_at'], rows: payments },
    { table: 'employees', columns: ['id', 'name', 'email', 'title', 'salary', 'hired_at'], rows: employees },
  ]
}

type Draw = (below: number) => number

function customer(id: number, draw: Draw): Row {
  const [given, family] = [pick(first, draw), pick(last, draw)]
  const email = `${given}.${family}.${id}@${pick(domains, draw)}`.toLowerCase()
  const notes = draw(4) === 0 ? `Called from +1 555 01${two(draw)}, asked about order ${draw(counts.orders) + 1}` : null
  const profile = { newsletter: draw(2) === 0, contact: { email }, shoeSize: 36 + draw(12) }
  return [
    id,
    `${given} ${family}`,
    email,
    `+1-555-01${two(draw)}-${1_000 + draw(9_000)}`,
    cardNumber(draw),
    date(Date.UTC(1950, 0, 1) + draw(20_000) * day),
    pick(cities, draw),
    notes,
    profile,
    new Date(opening + draw(600) * day).toISOString(),
  ]
}

function order(id: number, draw: Draw): Row {
  const total = (5 + draw(20_000) / 100).toFixed(2)
  const placedAt = new Date(opening + draw(700) * day + draw(day)).toISOString()
  return [id, draw(counts.customers) + 1, pick(statuses, draw), total, placedAt]
}

function employee(id: number, draw: Draw): Row {
  const [given, family] = [pick(first, draw), pick(last, draw)]
  const email = `${given}.${family}.${id}@shop.example`.toLowerCase()
  return [
    id,
    `${given} ${family}`,
    email,
    pick(titles, draw),
    28_000 + draw(60) * 1_000,
    date(opening + draw(500) * day),
  ]
}

/** Sixteen digits that begin with a test prefix and end with the digit Luhn asks for. */
function cardNumber(draw: Draw): string {
  const digits = [...'424242', ...Array.from({ length: 9 }, () => String(draw(10)))]
  const sum = digits.reduce((total, digit, at) => {
    const value = at % 2 === 0 ? Number(digit) * 2 : Number(digit)
    return total + (value > 9 ? value - 9 : value)
  }, 0)
  return `${digits.join('')}${(10 - (sum % 10)) % 10}`
}

function pick(list: readonly string[], draw: Draw): string {
  return list[draw(list.length)] ?? ''
}

function two(draw: Draw): string {
  return String(draw(100)).padStart(2, '0')
}

function date(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** Mulberry32: small, fast and the same everywhere, which is all that a seeded shop needs. */
function generator(seed: number): Draw {
  let state = seed
  return (below) => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below
  }
}
