/** The Cedar schema every policy is validated against: who can ask what about which resource, and what a rule may look at. */
export const policySchema = `
entity Group;
entity User in [Group] { email: String };
entity ServiceAccount in [Group] { email: String };
entity Agent in [Group] { email: String };

entity Environment;
entity Connection in [Environment];
entity Schema in [Connection];
// Whatever a statement touches: a table, view, function, role, or the session itself.
entity Table in [Schema, Connection] { kind: String, schema: String, name: String };
entity Column in [Table] { name: String, tags: Set<String> };

type Effect = { class: String, bounded: Bool, object: String };
type Stmt = { verb: String, unresolved: Long, unproven: Long, effects: Long };

action connect appliesTo {
  principal: [User, ServiceAccount, Agent],
  resource: [Connection],
  context: { reason: String, ticket: String, grants: Set<String> }
};
action run, run_unreviewed appliesTo {
  principal: [User, ServiceAccount, Agent],
  resource: [Table],
  context: { effect: Effect, stmt: Stmt, reason: String, ticket: String, grants: Set<String> }
};
action reveal, filter, lookup appliesTo {
  principal: [User, ServiceAccount, Agent],
  resource: [Column],
  context: { stmt: Stmt, reason: String, ticket: String, grants: Set<String> }
};
action export appliesTo {
  principal: [User, ServiceAccount, Agent],
  resource: [Table],
  context: { stmt: Stmt, reason: String, ticket: String, grants: Set<String> }
};
`

/** Name of the base policy's file in decisions: it is part of hoop, and no folder holds it. */
export const basePolicyFile = 'hoop-base.cedar'

/**
 * Rules that stand under every policy. What a session needs to be a session is permitted, so that it need not be repeated in
 * every folder; what was not understood is forbidden, and since forbid wins, no other rule can permit it.
 */
export const basePolicy = `@id("hoop-session")
@reason("Transactions and harmless settings are part of every session")
permit (principal, action == Action::"run", resource) when {
  ["transaction", "set", "show", "explain", "prepare"].contains(context.effect.class)
};

@id("hoop-catalog")
@reason("The catalog describes the database and holds nobody's values")
permit (principal, action == Action::"run", resource) when {
  context.effect.class == "read" && ["pg_catalog", "information_schema"].contains(resource.schema)
};

@id("hoop-no-review")
@reason("Review is an exception that a rule makes")
permit (principal, action == Action::"run_unreviewed", resource);

@id("hoop-not-understood")
@reason("What is not understood is not run")
forbid (principal, action == Action::"run", resource) when {
  context.effect.class == "unknown" || context.stmt.unresolved > 0
};
`
