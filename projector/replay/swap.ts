/** Puts a set of schemas in the place of the live one, in one transaction, while readers read and the projector writes.
 *
 *  Readers: a statement finds its views by name, so that it has either set; and each view is locked before it is renamed, so a transaction
 *  that has read of one is over before. Locks are waited for shorter than the server waits before it looks for deadlocks: never does a
 *  reader get an error, it is the swap that gives way and tries again. Writers hold WRITERS_LOCK with others, so none is in the middle. */
import { setTimeout as pause } from 'node:timers/promises'
import type pg from 'pg'
import { TransientError } from '../../schemas/errors.js'
import { readCursors } from '../cursors.js'
import { WRITERS_LOCK } from '../database.js'
import type { FillSource } from '../fill-source.js'
import { LIVE, OLD, REPLAYED, SCHEMAS } from '../schema-set.js'
import { asOwner, type SetPlace, stateOf } from './set-place.js'

/** Below deadlock_timeout, which is a second. */
const LOCK_MILLIS = 500
/** Between two tries, so that those who waited for the swap get on. */
const REST_MILLIS = 300

export interface SwapOptions {
  readonly place: SetPlace
  /** Brings the replayed set to where the live one is, which stands still meanwhile. */
  drain(): Promise<void>
  /** What to do where it comes to an end before it is there. */
  readonly lacking: FillSource['lacking']
  /** Longest that it tries, milliseconds. */
  readonly deadlineMillis: number
}

/** How long what the replayed set is filled from may lack what the live tables hold, where it grows. */
const GROWTH_MILLIS = 15_000

/** Rejects with TransientError where readers did not leave it a moment before the deadline; all is as before then. */
export async function swap({ place, drain, lacking, deadlineMillis }: SwapOptions): Promise<{ tries: number }> {
  const began = Date.now()
  for (let tries = 1; ; tries++) {
    const outcome = await asOwner(place, LIVE, (client) => trySwap(client, drain))
    if (outcome === 'swapped') return { tries }
    if (outcome !== 'locked' && (!lacking.mayGrow || Date.now() - began > GROWTH_MILLIS))
      throw new Error(`${outcome.behind}: ${lacking.remedy}`)
    if (Date.now() - began > deadlineMillis)
      throw new TransientError(
        `for ${deadlineMillis / 1000} s somebody always read the live tables; they are as before. Try again: what was replayed is kept`,
      )
    await pause(REST_MILLIS)
  }
}

const LOCK_NOT_AVAILABLE = '55P03'

async function trySwap(client: pg.Client, drain: () => Promise<void>): Promise<'swapped' | 'locked' | { behind: string }> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_MILLIS}`)
  try {
    await client.query('SELECT pg_advisory_xact_lock($1)', [WRITERS_LOCK])
    if ((await stateOf(client, OLD)) !== 'none')
      throw new Error('the tables that the last replay replaced are still there: meterchain replay --drop-old')
    await drain()
    const behind = await findBehind(client)
    if (behind !== undefined) {
      await client.query('ROLLBACK')
      return { behind }
    }
    // the replay may have read on after a log was restored, and an audit under way before
    await client.query(`UPDATE ${REPLAYED}ledger.cursors SET read_since = clock_timestamp()`)
    await lockViews(client)
    await grantAlike(client)
    await rename(client)
    await client.query('COMMIT')
    return 'swapped'
  } catch (error) {
    await client.query('ROLLBACK')
    if ((error as { code?: unknown }).code === LOCK_NOT_AVAILABLE) return 'locked'
    throw error
  }
}

/** The first log of which the live tables hold more than the others. */
async function findBehind(client: pg.Client): Promise<string | undefined> {
  const live = await readCursors(client)
  const { rows } = await client.query<{ key: string; height: string; next: string }>(
    `SELECT source || '/' || lane AS key, height, next_offset AS next FROM ${REPLAYED}ledger.cursors`,
  )
  const replayed = new Map(rows.map((row) => [row.key, row]))
  for (const [key, { source, height, nextOffset }] of live) {
    const found = replayed.get(key)
    const isPlain = source !== 'chain' && source !== 'registry'
    const isBehind = isPlain ? BigInt(found?.next ?? 0) < nextOffset : BigInt(found?.height ?? 0) < height
    if (isBehind) return `${key}: the live tables are at ${height}, and what was replayed ends at ${found?.height ?? 0}`
  }
  return undefined
}

/** A change that changes nothing takes the lock of the view alone; LOCK would take those of its tables too, and wait for vacuum. */
async function lockViews(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, viewname) AS name FROM pg_views WHERE schemaname = 'analytics' ORDER BY viewname`,
  )
  for (const { name } of rows) await client.query(`ALTER VIEW ${name} OWNER TO CURRENT_ROLE`)
}

/** Whoever may do something with a live table or view may do it with its successor. */
async function grantAlike(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ statement: string }>(
    `WITH granted AS (
       SELECT nspname AS schema, NULL AS relation, (aclexplode(nspacl)).* FROM pg_namespace
       UNION ALL
       SELECT nspname, relname, (aclexplode(relacl)).* FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'v', 'p')),
     named AS (
       SELECT schema, relation, privilege_type AS privilege, is_grantable, CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END AS grantee
         FROM granted WHERE grantee <> grantor),
     missing AS (
       SELECT * FROM named WHERE schema = ANY($1)
       EXCEPT SELECT substr(schema, length($2) + 1), relation, privilege, is_grantable, grantee FROM named WHERE schema LIKE $2 || '%')
     SELECT format('GRANT %s ON %s TO %s%s', privilege,
                   CASE WHEN relation IS NULL THEN format('SCHEMA %I', $2 || schema) ELSE format('%I.%I', $2 || schema, relation) END, grantee,
                   CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END) AS statement
       FROM missing
      WHERE relation IS NULL OR EXISTS (SELECT FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
                                         WHERE nspname = $2 || schema AND relname = relation)`,
    [SCHEMAS, REPLAYED],
  )
  for (const { statement } of rows) await client.query(statement)
}

/** Views of others are bound to tables, not to names: those that read ours are made again over the new ones. */
async function rename(client: pg.Client): Promise<void> {
  const others = await viewsOfOthers(client)
  await client.query(`DROP TABLE ${REPLAYED}migrations.unfinished`)
  for (const name of SCHEMAS) {
    await client.query(`ALTER SCHEMA ${name} RENAME TO ${OLD}${name}`)
    await client.query(`ALTER SCHEMA ${REPLAYED}${name} RENAME TO ${name}`)
  }
  for (const { name, definition } of others) {
    await client.query('RESET ROLE')
    await client.query(`CREATE OR REPLACE VIEW ${name} AS ${definition}`)
  }
}

async function viewsOfOthers(client: pg.Client): Promise<{ name: string; definition: string }[]> {
  const { rows } = await client.query<{ name: string; definition: string }>(
    `SELECT DISTINCT format('%I.%I', n.nspname, v.relname) AS name, pg_get_viewdef(v.oid) AS definition
       FROM pg_depend d
       JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
       JOIN pg_class v ON v.oid = r.ev_class AND v.relkind = 'v'
       JOIN pg_namespace n ON n.oid = v.relnamespace
       JOIN pg_class ours ON d.refclassid = 'pg_class'::regclass AND ours.oid = d.refobjid
       JOIN pg_namespace o ON o.oid = ours.relnamespace
      WHERE o.nspname = ANY($1) AND n.nspname <> ALL($1)`,
    [SCHEMAS],
  )
  return rows
}
