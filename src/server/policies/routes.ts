import type { FastifyInstance } from 'fastify'
import { getPolicy, pushPolicy } from '../../api/policy.ts'
import type { ServerContext } from '../context.ts'
import { demandRole, registerRoute } from '../http/register-route.ts'

export function registerPolicies(app: FastifyInstance, context: ServerContext): void {
  registerRoute(app, context, {
    route: pushPolicy,
    async handle({ body, caller }) {
      demandRole(caller, 'policy-author')
      const { version } = await context.policies.publish(body.files, caller.email)
      return version
    },
  })

  registerRoute(app, context, {
    route: getPolicy,
    async handle({ caller }) {
      demandRole(caller, 'policy-author', 'auditor', 'admin')
      const { version, files } = await context.policies.current()
      return { version, files: { ...files } }
    },
  })
}
