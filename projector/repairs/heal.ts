/** Makes what an audit found again from the log. Safe while the projector writes: the cursors that a part depends on stand still
 *  meanwhile, so the projector, which moves its cursor before it sends a row, waits. */
import type { ClientBase } from 'pg'
import { type TellRepair, ToldRepair } from '../../infra/repairs/repair-events.js'
import { BugError, TransientError } from '../../schemas/errors.js'
import { Comparison, Healing } from '../audit/comparison.js'
import type { Cursors, Part } from '../audit/part.js'
import { readCursors } from '../cursors.js'

/** Each by itself; whether one is tried again is for them to say. */
export interface Transactions {
  transaction<T>(work: (client: ClientBase) => Promise<T>): Promise<T>
}

export interface HealOptions {
  readonly database: Transactions
  readonly tell: TellRepair
  /** In whose name it is told. */
  readonly by: string
  /** Resolves when the registry’s fold holds so many events; rejects with TransientError at the deadline. */
  registryReached(size: number, deadlineMillis: number): Promise<void>
}

export interface Healed {
  readonly subject: string
  readonly lane: number
  readonly status: 'completed' | 'failed'
  /** What differed, or why it could not be healed. */
  readonly detail: string
  readonly differences: number
  readonly tookMillis: number
}

const NAMED = 1_000
const REGISTRY_DEADLINE_MILLIS = 10_000

/** Compares the part once more, and heals it if it is wrong now too; undefined: it is not. `outdated`: somebody who began to read the log
 *  later has healed there since, so what the part demands may be of a log that is no more; whoever reads it again knows. Tells both ends,
 *  also that of a repair that was cut off. */
export async function heal(part: Part, options: HealOptions): Promise<Healed | 'outdated' | undefined> {
  const { database, tell, by } = options
  const began = Date.now()
  if (part.lock?.source === 'registry') await database.transaction((client) => reachRegistry(client, options))
  const found = await database.transaction((client) => confirm(client, part))
  if (found === undefined) return 'outdated'
  if (found.differenceCount === 0) return undefined
  const { lane, subject } = part
  const told = new ToldRepair({ kind: 'reproject', lane, subject, fault: 'rows-differ', by }, tell, began)
  const summary = found.summary()
  await told.requested(summary)
  const outcome = await database
    .transaction((client) => repair(client, part, found))
    .catch(async (error: Error) => {
      await told.ended('failed', `it was cut off: ${error.message}`)
      throw error
    })
  if (outcome === 'outdated') {
    await told.ended('failed', 'somebody who began to read the log later has healed here meanwhile')
    return outcome
  }
  const [status, detail] = outcome === 'healed' ? (['completed', summary] as const) : (['failed', outcome.refused] as const)
  await told.ended(status, detail)
  return { subject, lane, status, detail, differences: found.differenceCount, tookMillis: Date.now() - began }
}

async function reachRegistry(client: ClientBase, { registryReached }: HealOptions): Promise<void> {
  const size = Number((await readCursors(client)).get('registry/0')?.height ?? 0n)
  await registryReached(size, REGISTRY_DEADLINE_MILLIS).catch((error: Error) => {
    // then the cursor is wrong, or the log was cut off: the cursor’s part says which
    if (!(error instanceof TransientError)) throw error
  })
}

/** Two that heal at one time would copy the same rows twice, where no cursor keeps them apart. */
const ONE_HEALS = 0x6d63_6865

const CURSORS_OF = 'source = $1 AND ($2::int4 IS NULL OR lane = $2)'

/** Nobody else heals, and the cursors of the part stand still, until the transaction ends. undefined: a log that was restored, or made
 *  again, has its records at other places than before, and somebody who began to read it later than the part’s reader has healed by
 *  those: an older reading must not undo that. A clock may have been turned back: a time to come counts for nothing on either side. */
async function standStill(client: ClientBase, { lock, readSince }: Part): Promise<Cursors | undefined> {
  await client.query(`SET LOCAL TIME ZONE 'UTC'; SET LOCAL bytea_output = 'hex'`)
  await client.query('SELECT pg_advisory_xact_lock($1)', [ONE_HEALS])
  if (lock !== undefined) {
    const { rows } = await client.query<{ isNewer: boolean | null }>(
      `SELECT $3::timestamptz > clock_timestamp() OR read_since > $3::timestamptz AND read_since <= clock_timestamp() AS "isNewer"
         FROM ledger.cursors WHERE ${CURSORS_OF} ORDER BY lane FOR UPDATE`,
      [lock.source, lock.lane ?? null, readSince ?? null],
    )
    if (rows.some(({ isNewer }) => isNewer)) return undefined
  }
  return readCursors(client)
}

async function confirm(client: ClientBase, part: Part): Promise<Comparison | undefined> {
  const cursors = await standStill(client, part)
  if (cursors === undefined) return undefined
  const comparison = new Comparison(client, NAMED, true)
  await part.compare(comparison, cursors)
  return comparison
}

async function noteReading(client: ClientBase, { lock, readSince }: Part): Promise<void> {
  if (lock === undefined || readSince === undefined) return
  await client.query(`UPDATE ledger.cursors SET read_since = $3 WHERE ${CURSORS_OF}`, [lock.source, lock.lane ?? null, readSince])
}

/** `refused`: why the log is not to be believed. */
type Outcome = 'healed' | 'outdated' | { readonly refused: string }

async function repair(client: ClientBase, part: Part, found: Comparison): Promise<Outcome> {
  const cursors = await standStill(client, part)
  if (cursors === undefined) return 'outdated'
  const refused = await part.refusal?.(client)
  if (refused !== undefined) return { refused }
  if (part.heal === undefined) {
    const affected = part.narrowed?.(found.heights) ?? part
    await affected.compare(new Healing(client, 0, true), cursors)
  } else {
    await part.heal(client, cursors)
    const again = new Comparison(client, 1, true)
    await part.compare(again, await readCursors(client))
    if (again.differenceCount > 0) throw new BugError(`${part.subject} differs after its repair: ${again.summary()}`)
  }
  await noteReading(client, part)
  return 'healed'
}
