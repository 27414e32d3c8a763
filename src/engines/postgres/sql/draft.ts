import type {
  ColumnRef,
  CopyDirection,
  Effect,
  EffectClass,
  Facts,
  Finding,
  ObjectRef,
  OutputColumn,
  RelationRef,
  SessionMove,
  TransactionMove,
} from '../../engine.ts'
import { treeOf } from '../catalog/resolve.ts'
import type { CatalogRelation, CatalogSnapshot } from '../catalog/snapshot.ts'

/** An effect that belongs to no object in a schema. */
export const sessionObject: ObjectRef = { kind: 'session', schema: '', name: 'session', id: 0 }

/** What gathering facts needs besides the catalog. */
export interface Reading {
  /** 1-based character of the text that stands at a UTF-8 byte of it. */
  toPosition(byteOffset: number): number
  factsBehind(catalog: CatalogSnapshot, view: CatalogRelation): Facts
}

/** Facts while they are being gathered. */
export class Draft {
  readonly catalog: CatalogSnapshot
  readonly #reading: Reading
  readonly #effects: Effect[] = []
  readonly #filters = new Map<string, ColumnRef>()
  readonly #columns = new Map<string, ColumnRef>()
  readonly #relations = new Map<number, RelationRef>()
  readonly #unresolved: Finding[] = []
  readonly #unproven: Finding[] = []
  outputs: readonly OutputColumn[] | 'unproven' | null = null
  transaction: TransactionMove = 'none'
  session: SessionMove = { kind: 'none' }
  copy: CopyDirection = 'none'
  changesCatalog = false
  missesNames = false

  constructor(catalog: CatalogSnapshot, reading: Reading) {
    this.catalog = catalog
    this.#reading = reading
  }

  get isProven(): boolean {
    return this.#unproven.length === 0 && this.#unresolved.length === 0
  }

  effect(effectClass: EffectClass, object: ObjectRef, { bounded = true, at = -1 } = {}): void {
    this.#effects.push({ class: effectClass, object, bounded, position: this.position(at) })
  }

  /** Not understood: refused whatever it touches. */
  unresolved(what: string, why: string, at = -1): void {
    this.#unresolved.push({ what, why, position: this.position(at) })
  }

  /** Understood, but lineage through it is not proven. */
  unproven(what: string, at = -1): void {
    const why = `where values come from cannot be followed through ${what} yet`
    this.#unproven.push({ what, why, position: this.position(at) })
  }

  filter(column: ColumnRef): void {
    this.#filters.set(`${column.relationId}.${column.attribute}`, column)
    this.column(column)
  }

  column(column: ColumnRef): void {
    this.#columns.set(`${column.relationId}.${column.attribute}`, column)
  }

  /** A stored relation is in scope, and with it every other whose rows are the same. */
  relation(relation: CatalogRelation): ObjectRef {
    const object = objectOf(relation)
    this.#relations.set(relation.oid, object)
    for (const oid of treeOf(this.catalog, relation)) {
      const kin = this.catalog.relationsByOid.get(oid)
      if (kin) this.#relations.set(oid, objectOf(kin))
    }
    return object
  }

  behind(view: CatalogRelation): Facts {
    return this.#reading.factsBehind(this.catalog, view)
  }

  /** Takes over what a view reads: its relations are in scope, and what it does not prove is not proven here either. */
  expand(view: CatalogRelation): void {
    const inner = this.behind(view)
    for (const { id } of inner.relations) {
      const relation = this.catalog.relationsByOid.get(id)
      if (relation) this.relation(relation)
    }
    for (const { what, why } of inner.unresolved) {
      this.unresolved(`view ${view.name}: ${what}`, `behind view "${view.name}", ${why}`)
    }
    for (const { what } of inner.unproven) this.unproven(`view "${view.name}" (${what})`)
    for (const column of inner.filters) this.filter(column)
  }

  position(byteOffset: number): number {
    return byteOffset < 0 ? 0 : this.#reading.toPosition(byteOffset)
  }

  /** Takes over everything another statement does, such as the one inside an EXPLAIN or PREPARE. */
  absorb(inner: Facts): void {
    this.#effects.push(...inner.effects)
    for (const column of inner.filters) this.filter(column)
    for (const column of inner.columns) this.column(column)
    for (const relation of inner.relations) this.#relations.set(relation.id, relation)
    this.#unresolved.push(...inner.unresolved)
    this.#unproven.push(...inner.unproven)
    this.missesNames ||= inner.missesNames
    this.changesCatalog ||= inner.changesCatalog
  }

  finish(verb: string): Facts {
    return {
      verb,
      effects: this.#effects,
      outputs: this.outputs !== null && !this.isProven ? 'unproven' : this.outputs,
      filters: [...this.#filters.values()],
      columns: [...this.#columns.values()],
      relations: [...this.#relations.values()],
      unresolved: this.#unresolved,
      unproven: this.#unproven,
      transaction: this.transaction,
      session: this.session,
      copy: this.copy,
      changesCatalog: this.changesCatalog,
      missesNames: this.missesNames,
    }
  }
}

function objectOf({ schema, name, oid, columns }: CatalogRelation): RelationRef {
  return { kind: 'relation', schema, name, id: oid, columns: columns.map((column) => column.name) }
}
