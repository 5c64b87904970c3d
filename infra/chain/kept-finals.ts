/** The final blocks that no checkpoint covers yet, and the checkpoint after which they come: kept with the lanes' positions, so that
 *  an authority can propose and judge checkpoints without reading the chain again. */
import type { Database, RootDatabase } from 'lmdb'
import type { Hash } from '../../schemas/hash.js'
import { CorruptStateError, checksumOf, stored } from './checked-store.js'
import { KeptRecords } from './kept-records.js'
import type { Finalized } from './lane-reader.js'

export interface KeptFinal {
  readonly block: Hash
  readonly verdict: Hash
}

type Place = [lane: number, height: number]

export class KeptFinals {
  private readonly finals: Database<Buffer, Place>
  private readonly saved: Database<string, string>
  /** What can be appended again where a log has lost it. */
  readonly records: KeptRecords

  constructor(private readonly root: RootDatabase) {
    this.finals = root.openDB<Buffer, Place>({ name: 'finals', encoding: 'binary' })
    this.saved = root.openDB<string, string>({ name: 'checkpoint', encoding: 'string' })
    this.records = new KeptRecords(root)
  }

  /** Within the transaction that commits the lane's position. */
  keep(lane: number, height: bigint, { block, verdict }: KeptFinal): void {
    const bytes = Buffer.concat([block, verdict])
    this.finals.put([lane, Number(height)], Buffer.concat([bytes, checksumOf(`final ${lane} ${height}`, bytes)]))
  }

  /** Undefined where it is not final here, or was covered and dropped. */
  get(lane: number, height: bigint): KeptFinal | undefined {
    const bytes = stored(() => this.finals.get([lane, Number(height)]))
    return bytes === undefined ? undefined : decodeFinal(lane, height, bytes)
  }

  /** The lane's in the order of their heights, from `height` on, `limit` at most. */
  *from(lane: number, height: bigint, limit: number): Generator<KeptFinal & { height: bigint }> {
    const range = { start: [lane, Number(height)] as Place, end: [lane + 1] as unknown as Place, limit }
    const found = stored(() => [...this.finals.getRange(range)])
    for (const { key, value } of found) {
      const at = BigInt(key[1])
      yield { height: at, ...decodeFinal(lane, at, value) }
    }
  }

  /** What `save` was given last. */
  checkpoint(): string | undefined {
    const text = stored(() => this.saved.get('newest'))
    if (text === undefined) return undefined
    const [sum = '', rest = ''] = [text.slice(0, 16), text.slice(16)]
    if (checksumOf('checkpoint', Buffer.from(rest)).toString('hex') !== sum) {
      throw new CorruptStateError('the stored checkpoint fails its checksum')
    }
    return rest
  }

  /** Keeps the checkpoint with its records, and drops what it covers, each lane up to its height: all or nothing. */
  save(checkpoint: string, covered: Iterable<readonly [lane: number, height: bigint]>, finalized: Finalized): void {
    const sum = checksumOf('checkpoint', Buffer.from(checkpoint)).toString('hex')
    this.root.transactionSync(() => {
      this.saved.put('newest', sum + checkpoint)
      this.records.keep(finalized)
      for (const [lane, height] of covered) {
        const range = { start: [lane, 0] as Place, end: [lane, Number(height) + 1] as Place }
        for (const key of [...this.finals.getKeys(range)]) this.finals.remove(key)
      }
    })
  }
}

function decodeFinal(lane: number, height: bigint, value: Uint8Array): KeptFinal {
  const bytes = Buffer.from(value)
  const content = bytes.subarray(0, 64)
  if (bytes.length !== 72 || !checksumOf(`final ${lane} ${height}`, content).equals(bytes.subarray(64))) {
    throw new CorruptStateError(`the kept final block ${height} of lane ${lane} fails its checksum`)
  }
  return { block: content.subarray(0, 32), verdict: content.subarray(32) }
}
