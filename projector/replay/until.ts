/** The tables as they were: a set of their own, filled from the logs up to a checkpoint, a time or a height. It stays beside the live one. */
import type { ClientBase } from 'pg'
import { INSTANT_FORM, instantOf } from '../../schemas/tariff/instant.js'
import { LIVE, nameOf, type SetPrefix } from '../schema-set.js'
import { startFillingSet, withThreads } from './fill-set.js'
import { leaveOutIndexes, makeIndexes } from './indexes.js'
import type { Counted, ReplayDeps } from './replay-deps.js'
import { asOwner, finishSet, prepareSet } from './set-place.js'
import type { Bound, Within } from './within.js'

/** checkpoint:480, height:120, or a time. Throws RangeError where it is none of these. */
export function parseBound(text: string): Bound {
  const [, kind, number] = /^(checkpoint|height):(\d{1,15})$/.exec(text) ?? []
  if (kind === 'checkpoint') return { kind, size: Number(number) }
  if (kind === 'height') return { kind, height: BigInt(number ?? 0) }
  const millis = instantOf(text)
  if (millis === undefined) throw new RangeError(`neither checkpoint:SIZE nor height:N nor a time: '${text}' (${INSTANT_FORM})`)
  return { kind: 'time', millis }
}

export function boundText(bound: Bound): string {
  if (bound.kind === 'checkpoint') return `as of checkpoint ${bound.size}`
  return bound.kind === 'height' ? `as of height ${bound.height}` : `as of ${new Date(bound.millis).toISOString()}`
}

interface Top {
  readonly height: bigint
  readonly hash: Buffer
}

/** Fills the set; what was begun goes on. Of registry there is what the blocks name, of all else what the log took up to the last block. */
export async function replayUntil(deps: ReplayDeps, set: SetPrefix, bound: Bound): Promise<Counted> {
  if (set === LIVE) throw new RangeError('the live tables are not as of a time: name another set')
  const { place, source } = deps
  const tops = bound.kind === 'checkpoint' ? await asOwner(place, LIVE, (client) => topsOf(client, bound.size)) : undefined
  return withThreads(deps, async (threads) => {
    await prepareSet(place, set, `from ${source.name}, ${boundText(bound)}`, leaveOutIndexes)
    const filled = await startFillingSet(deps, set, threads, withinOf(bound, tops))
    try {
      await filled.untilFull()
      if (tops !== undefined) await asOwner(place, set, (client) => requireTops(client, tops))
      const last = bound.kind === 'time' ? bound.millis : await asOwner(place, set, lastFinal)
      await filled.fillPlain(last)
      await makeIndexes(place, set, filled.teller('indexes'))
      await asOwner(place, set, (client) => finishSet(client, `${nameOf(set)}: ${boundText(bound)}`))
      return filled.counted()
    } finally {
      await filled.stop()
    }
  })
}

function withinOf(bound: Bound, tops: ReadonlyMap<number, Top> = new Map()): Within {
  if (bound.kind !== 'checkpoint') return bound
  return { kind: 'heights', heights: new Map([...tops].map(([lane, { height }]) => [lane, height])) }
}

/** By lane, the newest block that the checkpoint covers. */
async function topsOf(client: ClientBase, size: number): Promise<Map<number, Top>> {
  const { rowCount } = await client.query('SELECT FROM store.checkpoints WHERE size = $1', [size])
  if (rowCount === 0) throw new Error(`there is no checkpoint of size ${size}: SELECT size, final_at FROM analytics.checkpoints`)
  const { rows } = await client.query<{ lane: number; height: string; hash: Buffer }>(
    `SELECT DISTINCT ON (lane) lane, height, block_hash AS hash FROM store.checkpoint_leaves WHERE place < $1 ORDER BY lane, height DESC`,
    [size],
  )
  return new Map(rows.map(({ lane, height, hash }) => [lane, { height: BigInt(height), hash }]))
}

async function requireTops(client: ClientBase, tops: ReadonlyMap<number, Top>): Promise<void> {
  for (const [lane, { height, hash }] of tops) {
    const { rows } = await client.query<{ hash: Buffer }>('SELECT hash FROM ledger.blocks WHERE lane = $1 AND height = $2', [
      lane,
      String(height),
    ])
    if (rows[0]?.hash.equals(hash) !== true)
      throw new Error(`lane ${lane}: the checkpoint names another block at height ${height} than the log makes final`)
  }
}

async function lastFinal(client: ClientBase): Promise<number> {
  const { rows } = await client.query<{ millis: string }>(
    'SELECT coalesce(extract(epoch FROM max(final_at)) * 1000, 0) AS millis FROM ledger.blocks',
  )
  return Number(rows[0]?.millis ?? 0)
}
