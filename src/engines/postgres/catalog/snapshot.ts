/** What one database looks like to one role, as read at one moment. Plain data; `epoch` changes with every reading. */
export interface CatalogSnapshot {
  readonly epoch: string
  readonly database: string
  readonly role: string
  readonly serverVersion: number
  /** Schemas in the order names are looked up, `pg_catalog` first unless the path says otherwise. */
  readonly searchPath: readonly string[]
  readonly relations: ReadonlyMap<string, CatalogRelation>
  readonly relationsByOid: ReadonlyMap<number, CatalogRelation>
}

/** One relation of pg_class; the key of `relations` is `schema.name` with both parts as the catalog spells them. */
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
