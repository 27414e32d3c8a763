import type { Kysely, Migration } from 'kysely'
import { sessionsAndLeases } from './migrations/0005-sessions.ts'
import { approvers } from './migrations/0006-approvals.ts'
import { auditLog } from './migrations/0007-audit-log.ts'

/** Changes of the store, in order. One that has been released is never edited. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-first': {
    async up(db: Kysely<unknown>) {
      await db.schema
        .createTable('keys')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('oidc')
        .addColumn('kind', 'text', (column) => column.notNull())
        .addColumn('id', 'text', (column) => column.notNull())
        .addColumn('payload', 'text', (column) => column.notNull())
        .addColumn('grant_id', 'text')
        .addColumn('uid', 'text')
        .addColumn('expires_at_ms', 'bigint')
        .addColumn('consumed_at_ms', 'bigint')
        .addPrimaryKeyConstraint('oidc_key', ['kind', 'id'])
        .execute()
      await db.schema.createIndex('oidc_grant').on('oidc').column('grant_id').execute()
      await db.schema
        .createTable('connections')
        .addColumn('name', 'text', (column) => column.primaryKey())
        .addColumn('input', 'text', (column) => column.notNull())
        .addColumn('sealed', 'text', (column) => column.notNull())
        .execute()
      await db.schema
        .createTable('policies')
        .addColumn('version', 'integer', (column) => column.primaryKey())
        .addColumn('digest', 'text', (column) => column.notNull())
        .addColumn('files', 'text', (column) => column.notNull())
        .addColumn('published_at_ms', 'bigint', (column) => column.notNull())
        .addColumn('published_by', 'text', (column) => column.notNull())
        .execute()
      await createSessions(db)
      await createAudit(db)
    },
  },
  '0002-oidc-indexes': {
    async up(db: Kysely<unknown>) {
      await db.schema.createIndex('oidc_uid').on('oidc').columns(['kind', 'uid']).execute()
      await db.schema.createIndex('oidc_expiry').on('oidc').column('expires_at_ms').execute()
    },
  },
  '0005-sessions': sessionsAndLeases,
  '0006-approvals': approvers,
  '0007-audit-log': auditLog,
}

async function createSessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('sessions')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('stream', 'text', (column) => column.notNull().unique())
    .addColumn('upload_key_hash', 'text', (column) => column.notNull().unique())
    .addColumn('sub', 'text', (column) => column.notNull())
    .addColumn('email', 'text', (column) => column.notNull())
    .addColumn('connection', 'text', (column) => column.notNull())
    .addColumn('document', 'text', (column) => column.notNull())
    .addColumn('lease_role', 'text', (column) => column.notNull())
    .addColumn('program', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('opened_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('ends_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('seen_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('why', 'text', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('sessions_state').on('sessions').column('state').execute()
  await db.schema
    .createTable('approvals')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('session', 'text', (column) => column.notNull())
    .addColumn('requester', 'text', (column) => column.notNull())
    .addColumn('input', 'text', (column) => column.notNull())
    .addColumn('connection', 'text', (column) => column.notNull())
    .addColumn('environment', 'text', (column) => column.notNull())
    .addColumn('digest', 'text', (column) => column.notNull())
    .addColumn('state', 'text', (column) => column.notNull())
    .addColumn('votes', 'text', (column) => column.notNull())
    .addColumn('created_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('expires_at_ms', 'bigint', (column) => column.notNull())
    .execute()
  await db.schema.createIndex('approvals_state').on('approvals').column('state').execute()
}

async function createAudit(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable('links')
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('body', 'text', (column) => column.notNull())
    .addColumn('prev', 'text', (column) => column.notNull())
    .addColumn('hash', 'text', (column) => column.notNull())
    .addColumn('received_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('quarantine', 'text', (column) => column.notNull())
    .addPrimaryKeyConstraint('links_key', ['stream', 'seq'])
    .execute()
  await db.schema
    .createTable('records')
    .addColumn('id', 'text', (column) => column.primaryKey())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('seq', 'integer', (column) => column.notNull())
    .addColumn('session', 'text', (column) => column.notNull())
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('received_at_ms', 'bigint', (column) => column.notNull())
    .addColumn('sub', 'text', (column) => column.notNull())
    .addColumn('email', 'text', (column) => column.notNull())
    .addColumn('connection', 'text', (column) => column.notNull())
    .addColumn('verdict', 'text', (column) => column.notNull())
    .addColumn('rules', 'text', (column) => column.notNull())
    .addColumn('reason', 'text', (column) => column.notNull())
    .addColumn('words', 'text', (column) => column.notNull())
    .addColumn('started', 'text', (column) => column.notNull())
    .addColumn('finished', 'text')
    .execute()
  await db.schema.createIndex('records_time').on('records').columns(['at_ms', 'id']).execute()
  await db.schema.createIndex('records_who').on('records').columns(['sub', 'at_ms']).execute()
  await db.schema
    .createTable('stream_openings')
    .addColumn('stream', 'text', (column) => column.primaryKey())
    .addColumn('entry', 'text', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('alerts')
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('kind', 'text', (column) => column.notNull())
    .addColumn('stream', 'text', (column) => column.notNull())
    .addColumn('detail', 'text', (column) => column.notNull())
    .execute()
  await db.schema
    .createTable('audit_reads')
    .addColumn('at_ms', 'bigint', (column) => column.notNull())
    .addColumn('sub', 'text', (column) => column.notNull())
    .addColumn('what', 'text', (column) => column.notNull())
    .execute()
}
