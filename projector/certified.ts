/** What the newest final block of a lane was accepted with, from the tables: accepts that come after its certificate are held against
 *  these, to find those that contradict. */
import type { ClientBase } from 'pg'
import type { Certified } from '../infra/chain/lane-evidence.js'
import { equalBytes } from '../schemas/bytes.js'
import type { Hash } from '../schemas/hash.js'
import { blockHash, type FinalBlock, laneGenesis } from '../schemas/lane-fold.js'
import { decodeChainRecord, decodeHeader, headerPart } from '../schemas/records.js'

interface BlockStart {
  readonly height: string
  readonly hash: Buffer
  readonly verdictHash: Buffer
  readonly registrySize: string
  readonly sourceEpoch: number
  readonly lastOffset: string
  /** The record’s first bytes, in which its header stands. */
  readonly start: Buffer
}

/** Undefined where the tables do not say, or contradict the block’s hash: the audit names such rows. */
export async function readCertified(
  client: ClientBase,
  chainId: Hash,
  lane: number,
  { height, hash }: Pick<FinalBlock, 'height' | 'hash'>,
): Promise<Certified | undefined> {
  const { rows } = await client.query<BlockStart>(
    `SELECT height, hash, verdict_hash AS "verdictHash", registry_size AS "registrySize", source_epoch AS "sourceEpoch",
            last_offset AS "lastOffset", substring(record FROM 1 FOR 1024) AS start
       FROM ledger.blocks WHERE lane = $1 AND height IN ($2, $3)`,
    [lane, String(height), String(height - 1n)],
  )
  const start = rows.find((row) => BigInt(row.height) === height)?.start
  const headerBytes = start && headerPart(start)
  const header = headerBytes && decodeHeader(headerBytes)
  const parent = height === 1n ? laneGenesis(chainId, lane).final : finalOf(rows.find((row) => BigInt(row.height) < height))
  if (headerBytes === undefined || header === undefined || parent === undefined) return undefined
  if (!equalBytes(blockHash(headerBytes), hash) || !equalBytes(header.previous, parent.hash)) return undefined
  const votes = await client.query<{ record: Buffer }>('SELECT record FROM ledger.votes WHERE lane = $1 AND height = $2', [
    lane,
    String(height),
  ])
  const accepts = votes.rows.flatMap(({ record }) => {
    const decoded = decodeChainRecord(record)
    return decoded?.kind === 'vote' ? [decoded] : []
  })
  return { parent, header, hash, accepts }
}

function finalOf(row: BlockStart | undefined): FinalBlock | undefined {
  if (row === undefined) return undefined
  const { height, registrySize, lastOffset, hash, verdictHash, sourceEpoch } = row
  return {
    ...{ hash, verdictHash, sourceEpoch },
    ...{ height: BigInt(height), registrySize: Number(registrySize), lastOffset: BigInt(lastOffset) },
  }
}
