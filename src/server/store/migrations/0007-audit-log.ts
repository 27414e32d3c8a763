import { type Kysely, type Migration, sql } from 'kysely'
import type { StatementStarted } from '../../../audit/entry.ts'
import type { Tables } from '../tables.ts'
import { createWordIndex, indexWords } from '../word-index.ts'

/** Heads of streams, records found by word and by rule, bodies that are no text, alerts in order. */
export const auditLog: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('streams')
      .addColumn('stream', 'text', (column) => column.primaryKey())
      .addColumn('session', 'text', (column) => column.notNull())
      .addColumn('seq', 'integer', (column) => column.notNull())
      .addColumn('hash', 'text', (column) => column.notNull())
      .execute()
    await sql`insert into streams (stream, session, seq, hash)
      select links.stream, sessions.id, links.seq, links.hash
      from links join sessions on sessions.stream = links.stream
      where links.seq = (select max(seq) from links as last where last.stream = links.stream)`.execute(db)
    await db.schema
      .alterTable('links')
      .addColumn('encoding', 'text', (column) => column.notNull().defaultTo('text'))
      .execute()
    await db.schema
      .createTable('record_rules')
      .addColumn('rule', 'text', (column) => column.notNull())
      .addColumn('record', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('record_rules_key', ['rule', 'record'])
      .execute()
    await createWordIndex(db)
    await fill(db as Kysely<Tables>)
    for (const column of ['rules', 'reason', 'words']) {
      await db.schema.alterTable('records').dropColumn(column).execute()
    }
    await db.schema.createIndex('records_connection').on('records').columns(['connection', 'at_ms']).execute()
    await db.schema.createIndex('records_session').on('records').column('session').execute()
    await db.schema.createIndex('records_email').on('records').columns(['email', 'at_ms']).execute()
    await db.schema.createIndex('alerts_time').on('alerts').column('at_ms').execute()
  },
}

async function fill(db: Kysely<Tables>): Promise<void> {
  for (let after = ''; ; ) {
    const rows = await db
      .selectFrom('records')
      .select(['id', 'started'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(200)
      .execute()
    const last = rows.at(-1)
    if (!last) return
    after = last.id
    const started = rows.map((row) => JSON.parse(row.started) as StatementStarted)
    await indexWords(db, started)
    const rules = started.flatMap(({ id, rules: named }) => named.map((rule) => ({ record: id, rule: rule.id })))
    if (rules.length > 0)
      await db
        .insertInto('record_rules')
        .values(rules)
        .onConflict((conflict) => conflict.doNothing())
        .execute()
  }
}
