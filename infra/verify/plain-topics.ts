/** Topics that hold no part of the ledger: nothing in it depends on them, so their records are looked at for their form and named. */
import { decodeRejection, decodeRepair } from '../../schemas/records.js'
import type { LogSource } from './log-source.js'
import type { Skips } from './skips.js'

const PLAIN = {
  repairs: { decodes: decodeRepair, why: 'it asks and tells, and is not signed' },
  rejections: { decodes: decodeRejection, why: 'it is news, and is not signed' },
} as const
export const PLAIN_TOPICS = Object.keys(PLAIN) as (keyof typeof PLAIN)[]

/** Names every record, as a range where neighbours are alike. */
export async function namePlainRecords(source: LogSource, skips: Skips, onRecord: () => void): Promise<void> {
  for (const topic of PLAIN_TOPICS) {
    const { decodes, why } = PLAIN[topic]
    for (const [partition, { high }] of await source.endOffsets(topic)) {
      for await (const { offset, value } of source.read(topic, partition)) {
        if (offset >= high) break
        onRecord()
        const reason = decodes(value) === undefined ? 'undecodable: not a record in canonical form' : `unverified: ${why}`
        skips.add(topic, partition, offset, reason)
      }
    }
  }
}
