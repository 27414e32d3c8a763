import { hostname, userInfo } from 'node:os'
import type { Duplex } from 'node:stream'
import { openSession as openSessionRoute } from '../../api/session.ts'
import type { Entry } from '../../audit/entry.ts'
import type { Log } from '../../base/ports.ts'
import { changeConfig } from '../../identity/contexts.ts'
import { httpSend } from '../../identity/http-send.ts'
import { makePrivate } from '../../identity/paths.ts'
import { type OpenContext, openContext } from '../../identity/session-client.ts'
import { systemClock, systemRandom } from '../../identity/system-clock.ts'
import type { PortChoice } from '../../proxy/listener.ts'
import { openTunnel, type Tunnel } from '../../proxy/tunnel.ts'
import type { OpenedSession } from './opened-session.ts'

/** What is asked of the server, and by whom. */
export interface SessionRequest {
  readonly context: string | undefined
  readonly connection: string
  readonly reason: string
  readonly ticket: string
  /** The command: `connect`, `psql`, `exec`. */
  readonly program: string
  /** How long it is wanted; undefined: as long as the server gives. */
  readonly forMs?: number | undefined
  readonly log: Log
  /** Told once when the session ends by itself. */
  readonly onEnded?: ((why: string) => void) | undefined
}

/** A session with what a local port needs besides. */
export interface LocalSession extends OpenedSession {
  readonly context: OpenContext
  readonly startedAtMs: number
  listen(choice: PortChoice): Promise<number>
}

/**
 * Signs in, asks the server for a session, and puts the guard in front of its database.
 * @throws AppError with the code of whatever stood in the way; nothing is left open then
 */
export async function openSession(request: SessionRequest): Promise<LocalSession> {
  const context = openContext(request.context)
  const about = { host: hostname().slice(0, 255), osUser: userInfo().username.slice(0, 255), program: request.program }
  const opened = await context.api.call(openSessionRoute, {
    body: {
      connection: request.connection,
      reason: request.reason,
      ticket: request.ticket,
      ...about,
      ...(request.forMs === undefined ? {} : { forS: Math.max(1, Math.ceil(request.forMs / 1000)) }),
    },
  })
  const listeners: ((entry: Entry) => void)[] = []
  const { server, tenant, signingKey, bundleVersion } = context.context
  const tunnel = await openTunnel({
    opened,
    server: { url: server, tenant, signingKey },
    stateDirectory: makePrivate(context.paths.state),
    about,
    clock: systemClock,
    random: systemRandom,
    log: request.log,
    send: httpSend,
    atLeastVersion: bundleVersion,
    onEntry: (entry) => {
      for (const listener of listeners) listener(entry)
    },
    ...(request.onEnded === undefined ? {} : { onEnded: request.onEnded }),
  })
  rememberBundle(context, tunnel.policyVersion)
  return describeSession(context, tunnel, listeners)
}

/** An older bundle than one seen is refused from now on, by every command. */
function rememberBundle({ paths, name, context }: OpenContext, version: number): void {
  if (version <= context.bundleVersion) return
  changeConfig(paths, (config) => {
    const current = config.contexts[name]
    if (current === undefined || current.bundleVersion >= version) return config
    return { ...config, contexts: { ...config.contexts, [name]: { ...current, bundleVersion: version } } }
  })
}

function describeSession(context: OpenContext, tunnel: Tunnel, listeners: ((entry: Entry) => void)[]): LocalSession {
  const { document } = tunnel
  return {
    context,
    startedAtMs: systemClock.nowMs(),
    id: document.session,
    connection: document.connection.name,
    environment: document.connection.environment,
    database: document.connection.database,
    user: tunnel.user,
    password: tunnel.password,
    role: document.role,
    endsAtMs: document.endsAtMs,
    get lastFailure() {
      return tunnel.lastFailure
    },
    attach: (connection: Duplex) => tunnel.attach(connection),
    onEntry: (listener) => listeners.push(listener),
    listen: (choice) => tunnel.listen(choice),
    close: () => tunnel.close('client'),
  }
}
