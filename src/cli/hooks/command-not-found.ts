import type { Hook } from '@oclif/core/hooks'
import { AppError } from '../../base/app-error.ts'
import { closestOf } from '../closest.ts'

/** Names the closest command, and never runs it. */
export const commandNotFound: Hook.CommandNotFound = ({ id, config }) => {
  const asked = id.replaceAll(':', ' ')
  const names = config.commands.filter((command) => !command.hidden).map((command) => command.id.replaceAll(':', ' '))
  const closest = closestOf(asked, names)
  throw new AppError('USAGE', `Cannot run "${asked}": there is no such command`, {
    hint: closest === null ? 'hoop help' : `hoop ${closest} --help`,
  })
}
