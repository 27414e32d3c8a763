import type { Kysely, Migration } from 'kysely'

/** Sessions know what was claimed for them; leases are noted before they are made, with where they were made. */
export const sessionsAndLeases: Migration = {
  async up(db: Kysely<unknown>) {
    for (const column of ['host', 'os_user', 'connection_digest']) {
      await db.schema
        .alterTable('sessions')
        .addColumn(column, 'text', (added) => added.notNull().defaultTo(''))
        .execute()
    }
    await db.schema.alterTable('sessions').dropColumn('lease_role').execute()
    await db.schema.createIndex('sessions_who').on('sessions').columns(['sub', 'opened_at_ms']).execute()
    await db.schema
      .createTable('leases')
      .addColumn('role', 'text', (column) => column.primaryKey())
      .addColumn('session', 'text', (column) => column.notNull())
      .addColumn('connection', 'text', (column) => column.notNull())
      .addColumn('sealed', 'text', (column) => column.notNull())
      .execute()
    await db.schema.createIndex('leases_session').on('leases').column('session').execute()
  },
}
