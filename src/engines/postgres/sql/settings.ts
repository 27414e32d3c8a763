/**
 * Settings a client may choose for itself, and the values it may give them. Everything else is refused by name: a setting
 * can change what a statement text means (standard_conforming_strings, client_encoding, search_path), whose rights it runs
 * with (role), or what is left in other people's logs.
 */

type Check = (value: string) => boolean

const any: Check = () => true
const oneOf =
  (...values: readonly string[]): Check =>
  (value) =>
    values.includes(value.toLowerCase())
const number: Check = (value) => /^-?\d{1,9}$/.test(value)
const boolean = oneOf('on', 'off', 'true', 'false', 'yes', 'no', '0', '1')
const duration: Check = (value) => /^\d{1,9}\s*(us|ms|s|min|h|d)?$/i.test(value)

const rules: ReadonlyMap<string, Check> = new Map<string, Check>([
  ['application_name', any],
  ['bytea_output', oneOf('hex')],
  ['client_encoding', oneOf('utf8', 'utf-8', 'unicode')],
  ['client_min_messages', oneOf('debug5', 'debug', 'log', 'notice', 'warning', 'error')],
  ['datestyle', (value) => /^[a-z]{2,10}(\s*,\s*[a-z]{2,10})?$/i.test(value)],
  ['default_transaction_isolation', (value) => /^(read (un)?committed|repeatable read|serializable)$/i.test(value)],
  ['extra_float_digits', number],
  ['idle_in_transaction_session_timeout', duration],
  ['intervalstyle', oneOf('postgres', 'postgres_verbose', 'sql_standard', 'iso_8601')],
  ['jit', boolean],
  ['lock_timeout', duration],
  ['standard_conforming_strings', oneOf('on', 'true', 'yes', '1')],
  ['statement_timeout', duration],
  ['synchronize_seqscans', boolean],
  ['timezone', (value) => /^[A-Za-z0-9_+\-/: ]{1,64}$/.test(value)],
  ['work_mem', (value) => /^\d{1,7}\s*(kB|MB)?$/i.test(value)],
])

/** Whether a client may set `name` to `value` (null: to its default). */
export function maySet(name: string, value: string | null): boolean {
  const rule = rules.get(name.toLowerCase())
  return rule !== undefined && (value === null || rule(value))
}

/** Whether a client may read `name`: what it may set, and what tells of nobody's data. */
export function mayShow(name: string): boolean {
  return rules.has(name.toLowerCase()) || shown.has(name.toLowerCase())
}

const shown: ReadonlySet<string> = new Set([
  'server_version',
  'server_version_num',
  'server_encoding',
  'search_path',
  'transaction_isolation',
  'transaction isolation level',
  'transaction_read_only',
  'default_transaction_read_only',
  'integer_datetimes',
  'in_hot_standby',
  'is_superuser',
  'max_identifier_length',
  'lc_collate',
  'lc_ctype',
  'max_index_keys',
  'session_authorization',
  'ssl',
  'block_size',
])
