import { equalBytes, hex } from '../../schemas/bytes.js'
import type { Hash } from '../../schemas/hash.js'
import { decodeRegistryEvent, type RegistryEvent } from '../../schemas/records.js'
import { genesisMessage } from '../../schemas/registry/genesis-rules.js'
import { presentKey } from '../../schemas/registry/meter-facts.js'
import { eventMessage } from '../../schemas/registry/signers.js'
import type { RegistryState } from '../../schemas/registry/state.js'
import type { Fault } from './fault.js'
import type { SourceRecord } from './log-source.js'
import type { SchemaPrefixes } from './schema-prefixes.js'
import type { Skips } from './skips.js'

export interface RegistryContext {
  /** Before its genesis. */
  readonly state: RegistryState
  /** The chain that must stand there; undefined: the first genesis of the topic is believed. */
  readonly chainId: Hash | undefined
  readonly skips: Skips
  readonly prefixes: SchemaPrefixes
  onRecord(): void
}

/** Folds the topic from its first record on and checks every signature in it, also those that no rule needs. */
export async function verifyRegistry(records: AsyncIterable<SourceRecord>, context: RegistryContext): Promise<Fault | undefined> {
  const { state, chainId } = context
  for await (const batch of inBatches(records)) {
    const fault = state.store.transaction(() => takeAll(batch, context))
    if (fault !== undefined) return fault
  }
  return state.hasGenesis ? undefined : noGenesis(chainId)
}

function takeAll(records: readonly SourceRecord[], context: RegistryContext): Fault | undefined {
  for (const record of records) {
    const fault = take(record, context)
    if (fault !== undefined) return fault
  }
  return undefined
}

function take({ offset, value }: SourceRecord, context: RegistryContext): Fault | undefined {
  const { state, skips, prefixes } = context
  const event = decodeRegistryEvent(value)
  const keys = event === undefined ? new Map<string, Buffer>() : keysBefore(event, state)
  const applied = state.apply(event)
  context.onRecord()
  if (!applied.counted) {
    skips.add('registry', 0, offset, applied.reason)
    return undefined
  }
  prefixes.note('registry events', 'registry', 0, offset, value)
  for (const signer of unfounded(applied.event, state, keys)) {
    skips.add('registry', 0, offset, `bad-signature: the event counts, and the signature of '${signer}' in it does not hold`)
  }
  return applied.index === 0 ? otherChain(context, offset) : undefined
}

/** A commit waits for the disk, some milliseconds; so many events share one. */
const BATCH_RECORDS = 500
const BATCH_BYTES = 4 * 1024 * 1024

async function* inBatches(records: AsyncIterable<SourceRecord>): AsyncIterable<SourceRecord[]> {
  let batch: SourceRecord[] = []
  let bytes = 0
  for await (const record of records) {
    batch.push(record)
    bytes += record.value?.length ?? 0
    if (batch.length < BATCH_RECORDS && bytes < BATCH_BYTES) continue
    yield batch
    batch = []
    bytes = 0
  }
  yield batch
}

function otherChain({ state, chainId }: RegistryContext, offset: bigint): Fault | undefined {
  if (chainId === undefined || equalBytes(state.chainId, chainId)) return undefined
  return { topic: 'registry', offset, reason: `the genesis is of chain ${hex(state.chainId)}, not of ${hex(chainId)}` }
}

const noGenesis = (chainId: Hash | undefined): Fault => ({
  topic: 'registry',
  reason: `the topic holds no valid genesis${chainId === undefined ? '' : ` of chain ${hex(chainId)}`}`,
})

/** Whose signature could stand under the event, as of the state before it; an empty id is the meter’s own key. */
function keysBefore({ body: { content } }: RegistryEvent, state: RegistryState): Map<string, Buffer> {
  if (content.kind === 'Genesis') return new Map(content.authorities.map(({ id, key }) => [id, key]))
  if (!state.hasGenesis) return new Map()
  const keys = new Map(state.governanceAt(state.size).authorities.map(({ id, key }) => [id, key]))
  const meter = 'meter' in content ? state.store.meter(content.meter) : undefined
  const key = meter === undefined ? undefined : presentKey(meter)
  return key === undefined ? keys : keys.set('', key)
}

/** Signers whose signature does not hold. The fold passes them over where the others suffice. */
function unfounded(event: RegistryEvent, { chainId, signatures }: RegistryState, keys: ReadonlyMap<string, Buffer>): string[] {
  const isGenesis = event.body.content.kind === 'Genesis'
  const message = isGenesis ? genesisMessage(event.bodyBytes) : eventMessage(chainId, event.bodyBytes)
  const holds = (signer: string, signature: Buffer) => {
    const key = keys.get(signer)
    return key !== undefined && signatures.verify(signature, message, key)
  }
  return event.signatures.filter(({ signer, signature }) => !holds(signer, signature)).map(({ signer }) => signer)
}
