import { randomBytes, scrypt, timingSafeEqual } from 'node:crypto'
import type { Person } from '../config.ts'

/** Passwords of the people a config names, as scrypt hashes (RFC 7914): `scrypt$N$salt$hash`, both in base64url. */

const cost = 32_768
const hashBytes = 32
/** A hash nobody has the password of: checked when there is no such person, so that it takes as long to find out. */
const nobody = `scrypt$${cost}$${'A'.repeat(22)}$${'A'.repeat(43)}`

export async function hashPassword(password: string): Promise<string> {
  const salt = randomBytes(16)
  return `scrypt$${cost}$${salt.toString('base64url')}$${(await derive(password, salt, cost)).toString('base64url')}`
}

/** The subject of the person with that address and password; undefined for any other pair. */
export async function checkPassword(
  people: readonly Person[],
  email: string,
  password: string,
): Promise<string | undefined> {
  const person = people.find((each) => each.email.toLowerCase() === email.trim().toLowerCase())
  const [, n = '', salt = '', hash = ''] = (person?.passwordHash ?? nobody).split('$')
  const derived = await derive(password, Buffer.from(salt, 'base64url'), Number(n))
  const isRight = timingSafeEqual(derived, Buffer.from(hash, 'base64url'))
  return isRight && person?.passwordHash ? person.sub : undefined
}

function derive(password: string, salt: Buffer, n: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { N: n, r: 8, p: 1, maxmem: 256 * n * 8 }
    scrypt(password.normalize('NFKC'), salt, hashBytes, options, (error, key) => (error ? reject(error) : resolve(key)))
  })
}
