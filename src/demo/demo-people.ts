import type { Choice } from '../server/auth/pages.ts'
import type { Person, Role } from '../server/config.ts'

/** The three people of the demo. They do not exist, and nobody asks them for a password. */
export const demoPeople: readonly (Person & { readonly note: string })[] = [
  {
    sub: 'developer',
    email: 'developer@shop.example',
    name: 'Developer',
    groups: ['developers'],
    note: 'uses the shop database; personal data is masked',
  },
  {
    sub: 'approver',
    email: 'approver@shop.example',
    name: 'Approver',
    groups: ['dba'],
    note: 'approves what needs a review; administers connections and policy',
  },
  {
    sub: 'auditor',
    email: 'auditor@shop.example',
    name: 'Auditor',
    groups: ['auditors'],
    note: 'sees who did what, when and why',
  },
]

export const demoRoles: Readonly<Record<string, Role[]>> = {
  dba: ['admin', 'policy-author', 'approver'],
  auditors: ['auditor'],
}

/** The click-to-sign-in page. It lives here and nowhere else: a real server cannot load it. */
export const clickToSignIn: { readonly choices: readonly Choice[] } = {
  choices: demoPeople.map(({ sub, name, note }) => ({ sub, label: `Sign in as ${sub}`, note: `${name}: ${note}` })),
}
