import type { Kysely, Migration } from 'kysely'

interface Before {
  readonly approvals: { id: string; input: string }
  readonly approval_approvers: { approval: string; approver: string }
}

/** Who may answer a request stands in rows of its own, so that an inbox is found and not searched for. */
export const approvers: Migration = {
  async up(db: Kysely<unknown>) {
    await db.schema
      .createTable('approval_approvers')
      .addColumn('approval', 'text', (column) => column.notNull())
      .addColumn('approver', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('approval_approvers_key', ['approver', 'approval'])
      .execute()
    await db.schema.createIndex('approvals_session').on('approvals').column('session').execute()
    await db.schema.createIndex('approvals_requester').on('approvals').columns(['requester', 'created_at_ms']).execute()
    await fill(db as Kysely<Before>)
  },
}

async function fill(db: Kysely<Before>): Promise<void> {
  for (const { id, input } of await db.selectFrom('approvals').select(['id', 'input']).execute()) {
    const named = (JSON.parse(input) as { readonly approvers: readonly string[] }).approvers
    const rows = [...new Set(named)].map((approver) => ({ approval: id, approver }))
    if (rows.length > 0) await db.insertInto('approval_approvers').values(rows).execute()
  }
}
