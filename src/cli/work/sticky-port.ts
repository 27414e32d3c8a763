import { createHash } from 'node:crypto'
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { makePrivate, type Paths } from '../../identity/paths.ts'

const lowest = 15_432
const range = 1_000
const remembered = z.record(z.string(), z.int().min(1).max(65_535))

/** The port a connection of a server has here, so that what people saved in their tools goes on working. */
export function stickyPort(paths: Paths, server: string, connection: string): number {
  const known = readPorts(paths)[keyOf(server, connection)]
  if (known !== undefined) return known
  const hash = createHash('sha256').update(keyOf(server, connection)).digest()
  return lowest + (hash.readUInt16BE(0) % range)
}

/** Keeps the port it got in the end. */
export function rememberPort(paths: Paths, { server, connection, port }: PortUse): void {
  const ports = readPorts(paths)
  if (ports[keyOf(server, connection)] === port) return
  const path = portsPath(paths)
  const text = JSON.stringify({ ...ports, [keyOf(server, connection)]: port }, null, 2)
  writeFileSync(`${path}.${process.pid}`, text, { mode: 0o600 })
  renameSync(`${path}.${process.pid}`, path)
}

export interface PortUse {
  readonly server: string
  readonly connection: string
  readonly port: number
}

function readPorts(paths: Paths): Readonly<Record<string, number>> {
  const path = portsPath(paths)
  if (!existsSync(path)) return {}
  try {
    return remembered.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch {
    // Only a convenience is lost: the ports are chosen anew.
    return {}
  }
}

function portsPath(paths: Paths): string {
  return join(makePrivate(paths.state), 'ports.json')
}

function keyOf(server: string, connection: string): string {
  return `${server} ${connection}`
}
