/** Indexes of a set that is being filled: made at the end, they cost a third of what they cost row by row (measured: 591 k rows/s with a
 *  primary key built afterwards, 237 k with a live one). */
import type pg from 'pg'
import { ALL_TABLES } from '../rows/all-tables.js'
import { BLOCK_TABLES } from '../rows/block-tables.js'
import { inSet, type SetPrefix } from '../schema-set.js'
import { asOwner, type SetPlace } from './set-place.js'

interface LeftOut {
  readonly definition: string
  readonly drop: string
}

/** Drops the indexes of the tables that blocks fill, and keeps what they were. */
export async function leaveOutIndexes(client: pg.Client, set: SetPrefix): Promise<void> {
  await client.query('BEGIN')
  const { rows } = await client.query<LeftOut>(
    `SELECT coalesce('ALTER TABLE ' || i.indrelid::regclass || ' ADD CONSTRAINT ' || quote_ident(k.conname) || ' ' || pg_get_constraintdef(k.oid),
                     pg_get_indexdef(i.indexrelid)) AS definition,
            CASE WHEN k.oid IS NULL THEN 'DROP INDEX ' || i.indexrelid::regclass
                 ELSE 'ALTER TABLE ' || i.indrelid::regclass || ' DROP CONSTRAINT ' || quote_ident(k.conname) END AS drop
       FROM pg_index i LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.conrelid = i.indrelid
      WHERE i.indrelid = ANY($1::text[]::regclass[])`,
    [BLOCK_TABLES.map(({ name }) => inSet(set, name))],
  )
  for (const { definition, drop } of rows) {
    await client.query(`INSERT INTO migrations.unfinished VALUES ('index', $1)`, [definition])
    await client.query(drop)
  }
  await client.query('COMMIT')
}

/** Connections that make them: an index of a table that is not large is made by one process of the server. */
const MAKERS = 2

/** Makes them, those that take longest first (of one table a hash index takes two to three times as long as another, measured), and then
 *  figures for the planner, without which the first queries would be planned as on empty tables. Goes on where it was cut off. */
export async function makeIndexes(place: SetPlace, set: SetPrefix, onMade: (made: number, all: number) => void): Promise<void> {
  const { rows } = await asOwner(place, set, (client) =>
    client.query<{ what: string }>(
      `SELECT what FROM migrations.unfinished WHERE kind = 'index'
        ORDER BY pg_table_size(substring(what FROM '^(?:ALTER TABLE|CREATE (?:UNIQUE )?INDEX \\S+ ON) (\\S+)')::regclass)
               * CASE WHEN what ~ 'USING hash' THEN 3 WHEN what ~ 'USING brin' THEN 0.3 ELSE 1 END DESC`,
    ),
  )
  const left = rows.map(({ what }) => what)
  const make = async (client: pg.Client) => {
    await client.query(`SET maintenance_work_mem = '256MB'`)
    for (let what = left.shift(); what !== undefined; what = left.shift()) {
      await makeOne(client, what)
      onMade(rows.length - left.length, rows.length)
    }
  }
  await Promise.all(Array.from({ length: MAKERS }, () => asOwner(place, set, make)))
  const tables = ALL_TABLES.map(({ name }) => name)
  const analyze = async (client: pg.Client) => {
    for (let name = tables.shift(); name !== undefined; name = tables.shift()) await client.query(`ANALYZE ${name}`)
  }
  await Promise.all(Array.from({ length: MAKERS }, () => asOwner(place, set, analyze)))
}

async function makeOne(client: pg.Client, definition: string): Promise<void> {
  await client.query('BEGIN')
  await client.query(definition)
  await client.query(`DELETE FROM migrations.unfinished WHERE kind = 'index' AND what = $1`, [definition])
  await client.query('COMMIT')
}
