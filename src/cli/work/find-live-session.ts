import { AppError } from '../../base/app-error.ts'
import { readPaths } from '../../identity/paths.ts'
import { type LiveSession, liveSessions } from './session-directory.ts'

/**
 * The newest open session of this user on a connection.
 * @throws AppError `NOT_FOUND` when none is open here
 */
export function findLiveSession(connection: string, context: string | undefined): LiveSession {
  const found = liveSessions(readPaths(process.env)).find(
    (session) => session.connection === connection && (context === undefined || session.context === context),
  )
  if (found) return found
  throw new AppError('NOT_FOUND', `Cannot find an open session on "${connection}" on this machine`, {
    hint: `hoop connect ${connection}`,
  })
}
