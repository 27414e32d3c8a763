import type { FastifyInstance } from 'fastify'
import { type Connection, listConnections, putConnection } from '../../api/connection.ts'
import type { Me } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import type { CompiledPolicy } from '../../policy/compile.ts'
import { decideConnect } from '../../policy/decide-connect.ts'
import type { ServerContext } from '../context.ts'
import { demandRole, registerRoute } from '../http/register-route.ts'
import type { StoredConnection } from './connection-store.ts'

export function registerConnections(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, {
    route: listConnections,
    async handle({ caller }) {
      const { compiled } = await context.policies.current()
      const all = await context.connections.list()
      const shown = all.map((stored) => shownTo(compiled, stored, caller))
      return { connections: shown.filter(({ granted }) => granted || caller.roles.includes('admin')) }
    },
  })

  registerRoute(app, context, {
    route: putConnection,
    async handle({ params, body, caller }) {
      demandRole(caller, 'admin')
      if (params.name !== body.name)
        throw new AppError('USAGE', 'Cannot accept this: path and body name two connections')
      await context.connections.put(body)
      const { compiled } = await context.policies.current()
      return shownTo(compiled, body, caller)
    },
  })
}

/** Who wants to connect, and what for. */
export interface Connecting extends Pick<Me, 'sub' | 'email' | 'groups'> {
  readonly reason?: string
  readonly ticket?: string
}

/** Whether the policy lets somebody open a session on a connection. */
export function mayConnect(policy: CompiledPolicy, stored: StoredConnection, who: Connecting): boolean {
  const { name, environment, database } = stored
  const decision = decideConnect({
    policy,
    principal: { kind: 'user', sub: who.sub, email: who.email, groups: who.groups },
    connection: { name, environment, database, onMaskedUse: 'refuse' },
    context: { reason: who.reason ?? '', ticket: who.ticket ?? '', grants: [] },
  })
  return decision.verdict === 'allow'
}

function shownTo(policy: CompiledPolicy, stored: StoredConnection, caller: Me): Connection {
  const { name, engine, environment, database, placement } = stored
  return { name, engine, environment, database, placement, granted: mayConnect(policy, stored, caller) }
}
