/** Which state of the ledger an export shows: whoever holds the chain can find it again, and everybody else the checkpoint. */
import { hex } from '../../schemas/bytes.js'
import { checkpointText, NOTE_KIND, noteLine, noteOf, originOf } from '../../schemas/checkpoint/note.js'
import { latestCheckpoint } from '../query/checkpoint-lookups.js'
import { tips } from '../query/lookups.js'
import type { RowSource } from '../query/row-source.js'

/** Hashes are hexadecimal. */
export interface MadeAt {
  readonly chainId: string
  readonly network: string
  /** The newest that authorities of more than 2/3 of the weight signed; null: there is none yet. `hash` is its block's. */
  readonly checkpoint: {
    readonly size: number
    readonly root: string
    readonly hash: string
    readonly registrySize: number
    /** Signed note of C2SP, with the lines of authorities. */
    readonly note: string
  } | null
  /** Newest final block in the tables, and up to where the checkpoint covers the lane (0: nothing). */
  readonly lanes: readonly {
    readonly lane: number
    readonly height: number
    readonly hash: string
    readonly verdictHash: string
    readonly checkpointHeight: number
  }[]
  /** Events of the registry that are in the tables. */
  readonly registrySize: number
}

/** Read from these. */
export const MADE_AT_TABLES = [
  ...['ledger.chains', 'ledger.cursors', 'store.checkpoints', 'store.checkpoint_leaves', 'store.checkpoint_signatures'],
]

/** Throws Error where the tables are empty: nothing was ever written into them. */
export async function madeAt(source: RowSource): Promise<MadeAt> {
  const [chain] = await source.rows<{ id: Buffer; network: string }>('SELECT chain_id AS id, network FROM ledger.chains')
  if (chain === undefined)
    throw new Error(
      "these tables belong to no chain yet: start the projector ('meterchain up'), and look with 'meterchain status'",
    )
  const checkpoint = await checkpointAt(source, chain.id)
  const covered = await coveredHeights(source, checkpoint?.size ?? 0)
  const [registry] = await source.rows<{ size: number }>(
    `SELECT registry_size::float8 AS size FROM ledger.cursors WHERE source = 'registry'`,
  )
  const lanes = (await tips(source)).map(({ lane, height, hash, verdictHash }) => {
    return { lane, height, hash: hex(hash), verdictHash: hex(verdictHash), checkpointHeight: covered.get(lane) ?? 0 }
  })
  return { chainId: hex(chain.id), network: chain.network, checkpoint, lanes, registrySize: registry?.size ?? 0 }
}

async function checkpointAt(source: RowSource, chainId: Buffer): Promise<MadeAt['checkpoint']> {
  const facts = await latestCheckpoint(source)
  if (facts === undefined) return null
  const { size, root, hash, registrySize, signed } = facts
  const lines = signed
    .filter(({ kind }) => kind === NOTE_KIND.log)
    .map(({ key, timestamp, signature }) => noteLine({ name: originOf(chainId), publicKey: key, signature, timestamp }))
  return { size, root: hex(root), hash: hex(hash), registrySize, note: noteOf(checkpointText(chainId, facts), lines) }
}

async function coveredHeights(source: RowSource, size: number): Promise<Map<number, number>> {
  const rows = await source.rows<{ lane: number; height: number }>(
    'SELECT lane, max(height)::float8 AS height FROM store.checkpoint_leaves WHERE place < $1 GROUP BY lane',
    [size],
  )
  return new Map(rows.map(({ lane, height }) => [lane, height]))
}
