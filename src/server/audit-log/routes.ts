import type { FastifyInstance } from 'fastify'
import { getAuditRecord, getStreamHead, searchAudit, uploadBatch } from '../../api/audit.ts'
import type { Me } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import type { ServerContext } from '../context.ts'
import { registerRoute } from '../http/register-route.ts'
import type { StoredSession } from '../sessions/session-store.ts'
import { headOf, ingest, noteConflict } from './ingest.ts'
import { findRecord, searchRecords } from './search.ts'

export function registerAuditLog(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, {
    route: uploadBatch,
    async handle({ params, body, session }) {
      demandStream(session, params.stream)
      try {
        return await ingest(context, session, body)
      } catch (error) {
        if (error instanceof AppError && error.code === 'STREAM_CONFLICT') {
          await noteConflict(context, params.stream, error.message)
        }
        throw error
      }
    },
  })

  registerRoute(app, context, {
    route: getStreamHead,
    async handle({ params, session }) {
      demandStream(session, params.stream)
      return headOf(context, params.stream)
    },
  })

  registerRoute(app, context, {
    route: searchAudit,
    async handle({ query, caller }) {
      await noteRead(context, caller, `search ${JSON.stringify(query)}`)
      return searchRecords(context.store, query, ownOnly(caller))
    },
  })

  registerRoute(app, context, {
    route: getAuditRecord,
    async handle({ params, caller }) {
      await noteRead(context, caller, `record ${params.id}`)
      const found = await findRecord(context.store, params.id, ownOnly(caller))
      if (found) return found
      throw new AppError('NOT_FOUND', `Cannot find record "${params.id}": there is none that you may see`)
    },
  })
}

function demandStream(session: StoredSession, stream: string): void {
  if (session.stream === stream) return
  throw new AppError('ACTION_NOT_GRANTED', 'Cannot accept this: the stream key belongs to another stream')
}

/** Auditors see everybody's records, everybody else their own. */
function ownOnly(caller: Me): string | null {
  return caller.roles.includes('auditor') ? null : caller.sub
}

async function noteRead(context: ServerContext, caller: Me, what: string): Promise<void> {
  await context.store.db
    .insertInto('audit_reads')
    .values({ at_ms: context.clock.nowMs(), sub: caller.sub, what })
    .execute()
}
