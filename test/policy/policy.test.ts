import fc from 'fast-check'
import { exportJWK, generateKeyPair } from 'jose'
import { describe, expect, test } from 'vitest'
import type { ColumnRef, Effect, Facts } from '../../src/engines/engine.ts'
import { approvalDigest } from '../../src/policy/approval.ts'
import { bundle, openBundle } from '../../src/policy/bundle.ts'
import { compilePolicy, policyDigest } from '../../src/policy/compile.ts'
import { decideConnect } from '../../src/policy/decide-connect.ts'
import { decideStatement } from '../../src/policy/decide-statement.ts'
import { signDocument, verifySigned } from '../../src/policy/signed-document.ts'
import { demoPolicyFiles } from '../support/guard-driver.ts'

const files = demoPolicyFiles()
const policy = compilePolicy(files, 1)

const column = (table: string, name: string): ColumnRef => ({
  schema: 'public',
  table,
  column: name,
  kin: [],
  relationId: 1,
  attribute: 1,
})
const orders = { kind: 'relation', schema: 'public', name: 'orders', id: 2 } as const
const email = column('customers', 'email')

function facts(more: Partial<Facts>): Facts {
  return {
    verb: 'SELECT',
    effects: [],
    outputs: null,
    filters: [],
    columns: [],
    relations: [],
    unresolved: [],
    unproven: [],
    transaction: 'none',
    session: { kind: 'none' },
    copy: 'none',
    changesCatalog: false,
    missesNames: false,
    ...more,
  }
}

const effect = (effectClass: Effect['class'], object: Effect['object'] = orders, bounded = true): Effect => ({
  class: effectClass,
  object,
  bounded,
  position: 1,
})
const customers = { kind: 'relation', schema: 'public', name: 'customers', id: 1, columns: ['id', 'email'] } as const
const employees = { kind: 'relation', schema: 'public', name: 'employees', id: 3 } as const

function decide(about: Facts, { groups = ['developers'], approved = false, policy: used = policy } = {}) {
  return decideStatement(used, {
    principal: { kind: 'user', sub: 'u1', email: 'u1@example.com', groups },
    connection: { name: 'prod-db', environment: 'prod', database: 'shop', onMaskedUse: 'refuse' },
    context: { reason: '', ticket: '', grants: [] },
    facts: about,
    approved,
  })
}

describe('deciding', () => {
  test.each([
    ['a read', facts({ effects: [effect('read')] }), 'allow', 'staff-reads'],
    ['a statement without effects', facts({}), 'allow', 'hoop-session'],
    ['a bounded write', facts({ effects: [effect('update')] }), 'allow', 'staff-writes'],
    [
      'an unbounded one, though a rule permits writes',
      facts({ effects: [effect('delete', orders, false)] }),
      'deny',
      'no-unbounded-writes',
    ],
    ['a good effect beside a bad one', facts({ effects: [effect('read'), effect('drop')] }), 'deny', 'no-ddl'],
    ['a class no rule permits', facts({ effects: [effect('notify')] }), 'deny', 'hoop:no-permit'],
    ['a change of employees', facts({ effects: [effect('update', employees)] }), 'hold', 'salaries-reviewed'],
    ['a read of employees', facts({ effects: [effect('read', employees)] }), 'allow', 'staff-reads'],
    [
      'what was not understood',
      facts({ effects: [effect('read')], unresolved: [{ what: 'x', why: 'x is odd', position: 4 }] }),
      'deny',
      'hoop-not-understood',
    ],
    ['an unknown effect', facts({ effects: [effect('unknown')] }), 'deny', 'hoop-not-understood'],
    [
      'lineage not proven, nothing classified',
      facts({ effects: [effect('read')], unproven: [{ what: 'x', why: 'x', position: 0 }], outputs: 'unproven' }),
      'allow',
      'staff-reads',
    ],
    [
      'lineage not proven beside classified columns',
      facts({ effects: [effect('read')], relations: [customers], unproven: [{ what: 'x', why: 'x', position: 0 }] }),
      'deny',
      'hoop:unproven-lineage',
    ],
    [
      'a filter on a classified column',
      facts({ effects: [effect('read')], filters: [email], columns: [email] }),
      'deny',
      'hoop:filter-classified',
    ],
    [
      'a COPY out of something masked',
      facts({
        effects: [effect('copy-out')],
        copy: 'out',
        outputs: [{ name: 'email', label: { kind: 'copy', source: email }, origin: null }],
      }),
      'deny',
      'hoop:copy-masked',
    ],
  ])('%s', (_what, about, verdict, rule) => {
    const decision = decide(about)

    expect([decision.verdict, decision.rules[0]?.id]).toEqual([verdict, rule])
    expect(decision.rules.length).toBeGreaterThan(0)
  })

  test('a held statement names its approvers, and runs once they have said so', () => {
    const about = facts({ effects: [effect('update', employees)] })

    expect(decide(about)).toMatchObject({ verdict: 'hold', approvers: ['group:dba'], count: 1 })
    expect(decide(about, { approved: true })).toMatchObject({ verdict: 'allow' })
  })

  test('an approval does not lift a prohibition', () => {
    expect(decide(facts({ effects: [effect('drop', employees)] }), { approved: true })).toMatchObject({
      verdict: 'deny',
    })
  })

  test('a classified output is masked the way its deepest tag says, a clean one passes', () => {
    const outputs = [
      { name: 'a', label: { kind: 'copy', source: email }, origin: null },
      { name: 'b', label: { kind: 'copy', source: column('orders', 'id') }, origin: null },
      { name: 'c', label: { kind: 'copy', source: column('payments', 'card') }, origin: null },
    ] as const

    expect(decide(facts({ effects: [effect('read')], outputs, columns: [email] }))).toMatchObject({
      outputs: [{ kind: 'mask', transform: 'keep-domain' }, { kind: 'pass' }, { kind: 'mask', transform: 'last4' }],
      classified: [{ tags: ['pii', 'pii.email'] }],
    })
  })

  test('what is classified in a parent is classified in its partitions', () => {
    const child: ColumnRef = {
      ...column('customers_2025', 'email'),
      kin: [{ schema: 'public', table: 'customers', column: 'email' }],
    }
    const outputs = [{ name: 'email', label: { kind: 'copy', source: child }, origin: null }] as const

    expect(decide(facts({ effects: [effect('read')], outputs }))).toMatchObject({ outputs: [{ kind: 'mask' }] })
  })

  test('a refusal says rule, file, line, reason, fix and owner', () => {
    expect(decide(facts({ effects: [effect('delete', orders, false)] }))).toMatchObject({
      rules: [{ id: 'no-unbounded-writes', file: 'shop.cedar', line: expect.any(Number) }],
      reason: 'UPDATE and DELETE must say which rows',
      fix: 'add a WHERE that compares a key with a value',
      owner: 'group:dba',
    })
  })

  test('a rule that cannot be evaluated denies, though another permits', () => {
    const broken = `${files['shop.cedar']}\n@id("broken") forbid (principal, action == Action::"run", resource) when { context.stmt.effects + 9223372036854775807 > 0 };`
    const used = compilePolicy({ ...files, 'shop.cedar': broken })

    expect(decide(facts({ effects: [effect('read')] }), { policy: used })).toMatchObject({
      verdict: 'deny',
      rules: [{ id: 'broken' }],
    })
  })

  test('the order of files and rules does not matter', () => {
    const rules = (files['shop.cedar'] ?? '').split(/\n(?=@id)/)
    fc.assert(
      fc.property(fc.shuffledSubarray(rules, { minLength: rules.length }), fc.boolean(), (shuffled, bounded) => {
        const half = Math.floor(shuffled.length / 2)
        const used = compilePolicy({
          'z.cedar': shuffled.slice(0, half).join('\n'),
          'a.cedar': shuffled.slice(half).join('\n'),
        })
        const about = facts({ effects: [effect('delete', orders, bounded)] })

        expect(decide(about, { policy: used }).verdict).toBe(decide(about).verdict)
      }),
      { numRuns: 10 },
    )
  })

  test('only staff connects', () => {
    const connect = (groups: string[]) =>
      decideConnect({
        policy,
        principal: { kind: 'user', sub: 'u1', email: 'e', groups },
        connection: { name: 'prod-db', environment: 'prod', database: 'shop', onMaskedUse: 'refuse' },
        context: { reason: '', ticket: '', grants: [] },
      }).verdict

    expect([connect(['developers']), connect(['auditors']), connect([])]).toEqual(['allow', 'deny', 'deny'])
  })

  test('the empty policy lets nobody in and nothing run', () => {
    const empty = compilePolicy({})

    expect(decide(facts({ effects: [effect('read')] }), { policy: empty })).toMatchObject({ verdict: 'deny' })
  })
})

describe('a folder with a mistake', () => {
  test.each([
    [
      'an unknown attribute',
      { 'shop.cedar': files['shop.cedar']?.replace('effect.bounded', 'effect.bouned') },
      /shop\.cedar:\d+ .*did you mean `bounded`/,
    ],
    ['a word that is not Cedar', { 'shop.cedar': 'permitt (principal, action, resource);' }, /shop\.cedar:1 /],
    ['a rule without a name', { 'shop.cedar': 'permit (principal, action, resource);' }, /no @id/],
    [
      'two rules of one name',
      { 'shop.cedar': '@id("a") permit (principal, action, resource); @id("a") permit (principal, action, resource);' },
      /two rules are called "a"/,
    ],
    [
      'a name of the base policy',
      { 'shop.cedar': '@id("hoop-session") permit (principal, action, resource);' },
      /two rules are called/,
    ],
    ['an unknown key', { 'classification.yaml': 'conections: {}' }, /classification\.yaml:1 .*conections/],
    [
      'a column without a table',
      { 'classification.yaml': 'connections: { prod-db: { email: [pii] } }' },
      /schema\.table\.column/,
    ],
    ['YAML that is none', { 'classification.yaml': 'connections: [' }, /classification\.yaml:1/],
    ['a mask nobody knows', { 'transforms.yaml': 'transforms:\n  pii: { mask: blur }' }, /transforms\.yaml:2 .*mask/],
    ['a file without a place', { 'notes.txt': 'x' }, /notes\.txt .*no place/],
    ['a file above the folder', { '../x.cedar': '' }, /no place/],
  ])('%s is refused by file and line', (_what, change, message) => {
    expect(() => compilePolicy({ ...files, ...change } as Record<string, string>)).toThrow(
      expect.objectContaining({ code: 'POLICY_INVALID', exit: 2, message: expect.stringMatching(message) }),
    )
  })
})

describe('what the server signs', () => {
  const signed = async (payload: object, kind: 'hoop-bundle' | 'hoop-session' = 'hoop-bundle') => {
    const { privateKey, publicKey } = await generateKeyPair('EdDSA', { extractable: true })
    const jws = await signDocument(payload as never, kind, { key: privateKey, id: 'k' })
    return { jws, key: (await exportJWK(publicKey)) as Record<string, string> }
  }
  const payload = { v: 1, tenant: 'acme', version: 3, issuedAtMs: 1, digest: policyDigest(files), files }

  test('opens with its key', async () => {
    const { jws, key } = await signed(payload)

    expect((await openBundle(jws, key, { tenant: 'acme', atLeastVersion: 3 })).version).toBe(3)
  })

  test.each([
    ['of another tenant', payload, { tenant: 'other', atLeastVersion: 0 }],
    ['older than one seen', payload, { tenant: 'acme', atLeastVersion: 4 }],
    ['whose digest is not that of its files', { ...payload, digest: '0' }, { tenant: 'acme', atLeastVersion: 0 }],
    ['with an unknown member', { ...payload, more: 1 }, { tenant: 'acme', atLeastVersion: 0 }],
  ])('is not trusted %s', async (_what, content, expected) => {
    const { jws, key } = await signed(content)

    await expect(openBundle(jws, key, expected)).rejects.toMatchObject({ code: 'SERVER_MISTRUSTED', exit: 11 })
  })

  test('is not trusted under another key, changed, or passed off as another kind', async () => {
    const { jws, key } = await signed(payload)
    const other = await signed(payload)
    const asSession = await signed(payload, 'hoop-session')
    const [head, , signature] = jws.split('.')
    const changed = [
      head,
      Buffer.from(JSON.stringify({ ...payload, version: 9 })).toString('base64url'),
      signature,
    ].join('.')
    const open = (text: string, by: Record<string, string>) =>
      verifySigned(text, by, { kind: 'hoop-bundle', schema: bundle })

    await expect(open(jws, other.key)).rejects.toMatchObject({ code: 'SERVER_MISTRUSTED' })
    await expect(open(changed, key)).rejects.toMatchObject({ code: 'SERVER_MISTRUSTED' })
    await expect(open(asSession.jws, asSession.key)).rejects.toMatchObject({ code: 'SERVER_MISTRUSTED' })
  })
})

test('an approval is bound to every part of its subject', () => {
  const subject = {
    tenant: 't',
    session: 's',
    requester: 'u',
    connection: 'c',
    database: 'd',
    role: 'r',
    searchPath: 'p',
    sql: 'select 1',
    params: ['1', null],
  }
  const changed = Object.keys(subject).map((key) =>
    approvalDigest({ ...subject, [key]: key === 'params' ? ['1', ''] : 'other' }),
  )

  expect(new Set([approvalDigest(subject), ...changed]).size).toBe(Object.keys(subject).length + 1)
})
