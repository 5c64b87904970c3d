import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import { equalBytes, fromHex, hex } from '../../schemas/bytes.js'
import type { Hash } from '../../schemas/hash.js'
import { EMPTY_ROOT } from '../../schemas/merkle.js'
import {
  type Authority,
  type ConsensusKind,
  decodeRegistryEvent,
  type EventSignature,
  encodeEventBody,
  encodeRegistryEvent,
  type Genesis,
  type RegistryEvent,
} from '../../schemas/records.js'
import { chainIdOf, genesisMessage, SIGNATURE_PROFILE } from '../../schemas/registry/genesis-rules.js'
import { MemoryRegistryStore } from '../../schemas/registry/memory-store.js'
import { RegistryState } from '../../schemas/registry/state.js'
import { sign, sodiumSignatures } from '../crypto/sodium.js'
import type { RegistryFollower } from './registry-follower.js'
import { EventRefusedError, type RecordFramer, type RegistryAppender } from './registry-writer.js'
import type { EventSigner } from './sign-event.js'

/** Version of the verdict’s rules that a new chain begins with. */
const RULES = 1

export interface Founder extends EventSigner {
  readonly publicKey: Buffer
  readonly weight: number
}

export interface GenesisPlan {
  readonly network: string
  readonly lanes: number
  readonly consensus: ConsensusKind
  readonly authorities: readonly Founder[]
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  readonly createdAt: number
  /** Text of the last checkpoint of the chain that this one succeeds. */
  readonly predecessor?: string
  /** 16 bytes; at random if not given. */
  readonly id?: Buffer
}

/** The first event of a chain, signed by all founders: the record’s bytes (no registry prefix). Throws EventRefusedError where it
 *  breaks the rules. */
export function createGenesis(plan: GenesisPlan): Buffer {
  const bodyBytes = genesisBody(
    plan,
    plan.authorities.map(({ id, publicKey, weight }) => ({ id, key: publicKey, weight })),
  )
  const value = assembleGenesis(
    bodyBytes,
    plan.authorities.map((founder) => signGenesis(bodyBytes, founder)),
  )
  checkedGenesis(value)
  return value
}

/** The body alone, where founders sign it one by one, each at their own place. */
export function genesisBody(plan: Omit<GenesisPlan, 'authorities'>, authorities: readonly Authority[]): Buffer {
  const { network, lanes, consensus, createdAt, predecessor = '', id = randomBytes(16) } = plan
  const sorted = [...authorities].sort((a, b) => (a.id < b.id ? -1 : 1))
  const content: Genesis = {
    kind: 'Genesis',
    network,
    createdAt,
    lanes,
    signatureProfile: SIGNATURE_PROFILE,
    rules: RULES,
    consensus,
    authorities: sorted,
    predecessor,
  }
  return encodeEventBody({ id, expiresAtSize: 1, content })
}

export const signGenesis = (bodyBytes: Buffer, { id, secretKey }: EventSigner): EventSignature => ({
  signer: id,
  signature: sign(genesisMessage(bodyBytes), secretKey),
})

export const assembleGenesis = (bodyBytes: Buffer, signatures: EventSignature[]): Buffer =>
  encodeRegistryEvent({ bodyBytes, sizeBefore: 0, rootBefore: EMPTY_ROOT, signatures, meters: [] })

/** The genesis event in a record (no registry prefix) and its chain’s id. Throws EventRefusedError where it breaks the rules. */
export function checkedGenesis(value: Buffer): { event: RegistryEvent; chainId: Hash } {
  const applied = new RegistryState(new MemoryRegistryStore(), sodiumSignatures).apply(decodeRegistryEvent(value))
  if (!applied.counted) throw new EventRefusedError('Genesis', applied.reason)
  return { event: applied.event, chainId: chainIdOf(applied.event.bodyBytes) }
}

/** Makes `value` the first event of the topic, or sees that it is. Throws where another chain is there. The follower is started.
 *  Where two write at once the first in the log wins, and the other one’s call throws. */
export async function writeGenesis(
  follower: RegistryFollower,
  writer: RegistryAppender,
  ids: RecordFramer,
  value: Buffer,
): Promise<{ chainId: Hash; isNew: boolean }> {
  const { chainId } = checkedGenesis(value)
  await follower.caughtUp()
  const isNew = !follower.state.hasGenesis
  if (isNew) {
    const offset = await writer.append('registry', 0, [{ value: ids.frame('RegistryEvent', value) }])
    await follower.reachOffset(offset + 1n)
  }
  if (!equalBytes(follower.state.chainId, chainId)) {
    throw new EventRefusedError(
      'Genesis',
      `other-chain: the topic holds chain ${hex(follower.state.chainId)}, and this genesis is of chain ${hex(chainId)}`,
    )
  }
  return { chainId, isNew }
}

const genesisFile = z.object({ version: z.literal(1), chainId: z.string(), event: z.string() })

/** Writes a genesis to a file: all that somebody who checks proofs offline has to trust. JSON, bytes in hexadecimal. */
export async function saveGenesis(path: string, value: Buffer): Promise<void> {
  const { event, chainId } = checkedGenesis(value)
  const { content } = event.body
  const readable = content.kind === 'Genesis' ? { network: content.network, lanes: content.lanes } : {}
  const file = { version: 1, chainId: hex(chainId), ...readable, event: hex(value) }
  await writeFile(path, `${JSON.stringify(file, null, 2)}\n`)
}

/** Reads what `saveGenesis` wrote and checks it: the record’s bytes, the event and its chain’s id. Throws Error, with the reason. */
export async function loadGenesis(path: string): Promise<{ value: Buffer; event: RegistryEvent; chainId: Hash }> {
  const text = await readFile(path, 'utf8')
  try {
    const file = genesisFile.parse(JSON.parse(text))
    const value = fromHex(file.event)
    const checked = checkedGenesis(value)
    if (hex(checked.chainId) !== file.chainId) throw new RangeError('the chain id is not that of the event')
    return { value, ...checked }
  } catch (error) {
    throw new Error(`${path} is not a genesis file: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
