/** What one database looks like to one role, as read at one moment. Plain data; `epoch` changes with every reading. */
export interface CatalogSnapshot {
  readonly epoch: string
  readonly database: string
  readonly role: string
  readonly serverVersion: number
  /** Schemas in the order names are looked up, `pg_catalog` first unless the path says otherwise. */
  readonly searchPath: readonly string[]
  /** By schema, then by name, as the catalog spells them. */
  readonly relations: ReadonlyMap<string, ReadonlyMap<string, CatalogRelation>>
  readonly relationsByOid: ReadonlyMap<number, CatalogRelation>
  /** Oids of direct children in inheritance and partition trees. */
  readonly children: ReadonlyMap<number, readonly number[]>
  /** Names on the search path that are not PostgreSQL's own: each could stand before the built-in one it is called like. */
  readonly userFunctions: ReadonlySet<string>
  readonly userOperators: ReadonlySet<string>
  readonly enums: ReadonlySet<string>
}

/** One relation of pg_class. */
export interface CatalogRelation {
  readonly oid: number
  readonly schema: string
  readonly name: string
  readonly kind: 'table' | 'partitioned' | 'view' | 'materialized' | 'foreign' | 'sequence' | 'other'
  readonly columns: readonly CatalogColumn[]
  /** Oids of inheritance or partition parents, direct ones only. */
  readonly parents: readonly number[]
  /** Rules other than a view's own, or row-level triggers: writing does more than it says. */
  readonly hasRules: boolean
  readonly hasTriggers: boolean
  /** Of a view or materialised view: its query with every name qualified (pg_get_viewdef under an empty path). */
  readonly definition: string | null
}

export interface CatalogColumn {
  readonly name: string
  readonly attribute: number
  readonly typeOid: number
  readonly notNull: boolean
}
