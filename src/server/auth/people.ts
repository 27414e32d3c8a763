import type { Person, Role, ServerConfig } from '../config.ts'
import type { People } from '../context.ts'

/** The people a config names; roles come with their groups. */
export function configuredPeople(config: ServerConfig): People {
  const bySub = new Map(config.identity.people.map((person) => [person.sub, person]))
  return {
    find: (sub: string): Person | undefined => bySub.get(sub),
    rolesOf: ({ groups }: Person): readonly Role[] => [
      ...new Set(groups.flatMap((group) => config.roles[group] ?? [])),
    ],
  }
}
