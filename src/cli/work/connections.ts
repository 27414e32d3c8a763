import type { ApiClient } from '../../api/client.ts'
import {
  type Connection,
  type ConnectionInput,
  listConnections as listConnectionsRoute,
  putConnection,
} from '../../api/connection.ts'
import { AppError } from '../../base/app-error.ts'
import { closestOf } from '../closest.ts'
import type { Listing } from '../output/listing.ts'

/** What the caller may use, by name; administrators also get what is not granted to them. */
export async function listConnections(api: ApiClient): Promise<readonly Connection[]> {
  const { connections } = await api.call(listConnectionsRoute)
  return connections.toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

/**
 * One connection by its exact name.
 * @throws AppError `CONNECTION_NOT_GRANTED` when it is not there for the caller, which is all they may know
 */
export async function findConnection(api: ApiClient, name: string): Promise<Connection> {
  const connections = await listConnections(api)
  const found = connections.find((connection) => connection.name === name)
  if (found) return found
  const closest = closestOf(
    name,
    connections.map((connection) => connection.name),
  )
  throw new AppError('CONNECTION_NOT_GRANTED', `Cannot find connection "${name}": there is none of that name for you`, {
    hint: closest === null ? 'hoop ls' : `hoop show ${closest}\nhoop ls`,
  })
}

export function connectionListing(items: readonly Connection[]): Listing<Connection> {
  const isAllGranted = items.every(({ granted }) => granted)
  return {
    name: 'connections',
    items,
    columns: [
      { key: 'name', title: 'NAME', value: ({ name }) => name },
      { key: 'environment', title: 'ENVIRONMENT', value: ({ environment }) => environment },
      { key: 'engine', title: 'ENGINE', value: ({ engine }) => engine },
      { key: 'database', title: 'DATABASE', value: ({ database }) => database },
      { key: 'placement', title: 'RUNS', value: ({ placement }) => placement },
      ...(isAllGranted
        ? []
        : [{ key: 'granted', title: 'GRANTED', value: ({ granted }: Connection) => (granted ? 'yes' : 'no') }]),
    ],
  }
}

/**
 * Creates a connection, or with `mayReplace` puts it in the place of the one of that name.
 * @throws AppError `USAGE` when the name is taken
 */
export async function saveConnection(api: ApiClient, input: ConnectionInput, mayReplace: boolean): Promise<Connection> {
  const taken = mayReplace ? undefined : (await listConnections(api)).find(({ name }) => name === input.name)
  if (taken) {
    throw new AppError('USAGE', `Cannot create connection "${input.name}": the name is taken`, {
      hint: 'Add --replace to put this one in its place',
    })
  }
  return api.call(putConnection, { params: { name: input.name }, body: input })
}
