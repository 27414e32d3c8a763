import type { ClientFiles } from '../../proxy/client-files.ts'
import type { PortChoice } from '../../proxy/listener.ts'
import type { ClientEnvironment } from './client-environment.ts'
import { connectError } from './exec.ts'
import type { LocalSession } from './open-session.ts'
import { writeSessionDirectory } from './session-directory.ts'
import { StatementClient } from './statement-client.ts'
import { rememberPort, stickyPort } from './sticky-port.ts'

/** A session with its local port and the files that lead to it. */
export interface OpenPort {
  readonly session: LocalSession
  readonly client: ClientEnvironment
  readonly files: ClientFiles
  /** Ends the session and removes its files. */
  close(): Promise<void>
}

const host = '127.0.0.1'

/**
 * Opens the local port of a session, once its database has answered: what is called ready is.
 * @throws AppError; the session is closed then
 */
export async function openPort(session: LocalSession, port: number | undefined): Promise<OpenPort> {
  try {
    await proveDatabase(session)
    return await publish(session, port)
  } catch (error) {
    await session.close()
    throw error
  }
}

async function proveDatabase(session: LocalSession): Promise<void> {
  const client = await StatementClient.open({
    attach: (connection) => session.attach(connection),
    user: session.user,
    database: session.database,
    password: session.password,
    application: 'hoop',
  }).catch((cause: unknown) => {
    throw session.lastFailure ?? connectError(cause, session.connection)
  })
  await client.close()
}

async function publish(session: LocalSession, asked: number | undefined): Promise<OpenPort> {
  const { context, connection } = session
  const { paths } = context
  const { server } = context.context
  const choice: PortChoice =
    asked === undefined ? { sticky: stickyPort(paths, server, connection) } : { exactly: asked }
  const port = await session.listen(choice)
  if (asked === undefined) rememberPort(paths, { server, connection, port })
  const address = { host, port, database: session.database, user: session.user }
  const files = writeSessionDirectory(
    paths,
    {
      ...address,
      session: session.id,
      connection,
      context: context.name,
      startedAtMs: session.startedAtMs,
      endsAtMs: session.endsAtMs,
    },
    { ...address, password: session.password },
  )
  const remove = (): void => files.remove()
  // However the process ends, its password file does not stay.
  process.once('exit', remove)
  return {
    session,
    files,
    client: { ...address, passFile: files.passFile, serviceFile: files.serviceFile },
    async close() {
      await session.close()
      files.remove()
      process.off('exit', remove)
    },
  }
}
