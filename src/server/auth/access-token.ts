import { errors, jwtVerify } from 'jose'
import type { Me } from '../../api/server.ts'
import { AppError } from '../../base/app-error.ts'
import { audienceOf, issuerOf, type ServerContext } from '../context.ts'

/**
 * Who is behind a bearer token (RFC 9068): signed by our issuer, for this API, not expired, of a person who still exists. Groups
 * and roles are looked up now, never taken from the token.
 */
export async function authenticate(context: ServerContext, header: string): Promise<Me> {
  const token = /^Bearer ([A-Za-z0-9._-]+)$/.exec(header)?.[1]
  if (!token)
    throw new AppError('LOGIN_REQUIRED', 'Cannot answer: no access token was sent', { hint: 'Run hoop login' })
  const sub = await subjectOf(context, token)
  const person = context.people.find(sub)
  if (!person)
    throw new AppError('LOGIN_REQUIRED', 'Cannot answer: this account is no longer known', { hint: 'Ask an admin' })
  const { email, name, groups } = person
  return { sub, email, name, groups, roles: [...context.people.rolesOf(person)] }
}

async function subjectOf(context: ServerContext, token: string): Promise<string> {
  try {
    const { payload } = await jwtVerify(token, context.keys.issuerPublic, {
      issuer: issuerOf(context),
      audience: audienceOf(context),
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'exp', 'client_id'],
      currentDate: new Date(context.clock.nowMs()),
    })
    const scopes = String(payload['scope'] ?? '').split(' ')
    if (!scopes.includes('api'))
      throw new errors.JWTClaimValidationFailed('it has no right to the API', payload, 'scope')
    return payload.sub ?? ''
  } catch (error) {
    const isExpired = error instanceof errors.JWTExpired
    throw new AppError(
      isExpired ? 'LOGIN_EXPIRED' : 'LOGIN_REQUIRED',
      `Cannot answer: the access token ${isExpired ? 'has expired' : 'is not valid here'}`,
      {
        cause: error,
        hint: 'Run hoop login',
      },
    )
  }
}
