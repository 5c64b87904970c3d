/** Whether a replayed set holds what the live one holds, by the digests of their tables. */
import { setTimeout as pause } from 'node:timers/promises'
import type { ClientBase } from 'pg'
import { PROJECTIONS } from '../projections/all.js'
import { readUnfilled } from '../projections/unfilled.js'
import { ALL_TABLES } from '../rows/all-tables.js'
import { ASSIGNMENTS, CHAINS, METERS, PAST_ASSIGNMENTS } from '../rows/tables.js'
import { LIVE, REPLAYED } from '../schema-set.js'
import { commonExtent, type Digest, digests, type Extent, readExtent } from './digest.js'
import { asOwner, type SetPlace } from './set-place.js'

/** A table of the replayed set that there is nothing to hold against, and why. */
export interface NotCompared {
  readonly table: string
  readonly why: string
}

export interface ComparedSets {
  /** Of the replayed set, up to where both are. */
  readonly digests: readonly Digest[]
  readonly differing: readonly string[]
  readonly notCompared: readonly NotCompared[]
}

/** Of these there is no past: they are as of the registry size of their set. */
const WITHOUT_PAST = [CHAINS, METERS, ASSIGNMENTS, PAST_ASSIGNMENTS]
/** How long the live tables may take to the registry events that the others have, or the other way round. */
const REGISTRY_TRIES = 25
const REGISTRY_PAUSE_MILLIS = 200

/** Each set in a snapshot of its own, live and replayed, up to where both are. */
export async function compareSets(
  place: SetPlace,
  lanes: number,
  onRead: (done: number, all: number) => void,
): Promise<ComparedSets> {
  for (let tries = 1; ; tries++) {
    const found = await asOwner(place, LIVE, (live) =>
      asOwner(place, REPLAYED, async (replayed) => {
        for (const client of [live, replayed]) await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY')
        const [a, b] = [await readExtent(live, lanes), await readExtent(replayed, lanes)]
        const isLevel = a.registrySize === b.registrySize
        if (!isLevel && a.registrySize > 0n && tries < REGISTRY_TRIES) return undefined
        const notCompared = [...(await lackingTables(live)), ...(isLevel ? [] : withoutPast(a, b))]
        const extent = commonExtent(a, b)
        const isCompared = ({ name }: { name: string }) => notCompared.every(({ table }) => table !== name)
        const [theirs, ours] = await Promise.all([
          digests(live, extent, onRead, isCompared),
          digests(replayed, extent, () => undefined),
        ])
        const byTable = new Map(theirs.map(({ table, digest }) => [table, digest]))
        const differing = ours.map(({ table }) => table).filter((table) => byTable.has(table))
        return {
          digests: ours,
          differing: differing.filter((table) => byTable.get(table) !== ours.find((each) => each.table === table)?.digest),
          notCompared,
        }
      }),
    )
    if (found !== undefined) return found
    await pause(REGISTRY_PAUSE_MILLIS)
  }
}

/** Those that came with a newer program. Throws Error where it made more of others than `meterchain migrate` has run for. */
async function lackingTables(live: ClientBase): Promise<NotCompared[]> {
  const missing = await missingTables(live)
  const other = [...missing].find((name) => PROJECTIONS.every(({ table }) => table.name !== name) && name !== UNFILLED)
  if (other !== undefined)
    throw new Error(`the live tables are those of an older program, without ${other}: \`meterchain migrate\` first`)
  const unfilled = missing.has(UNFILLED) ? [] : [...(await readUnfilled(live))]
  const lacking = PROJECTIONS.map(({ table }) => table.name).filter((name) => missing.has(name))
  return [
    ...lacking.map((table) => ({ table, why: 'the live tables have none yet' })),
    ...unfilled.map((table) => ({ table, why: 'the live one lacks the rows of older blocks' })),
  ]
}

const UNFILLED = 'ledger.unfilled'

async function missingTables(live: ClientBase): Promise<Set<string>> {
  const { rows } = await live.query<{ name: string }>(
    'SELECT name FROM unnest($1::text[]) name WHERE to_regclass(name) IS NULL',
    [[UNFILLED, ...ALL_TABLES.map(({ name }) => name)]],
  )
  return new Set(rows.map(({ name }) => name))
}

const withoutPast = (live: Extent, replayed: Extent): NotCompared[] =>
  WITHOUT_PAST.map(({ name }) => ({
    table: name,
    why: `the live tables hold ${live.registrySize} registry events, and these ${replayed.registrySize}`,
  }))
