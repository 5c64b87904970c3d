/** A bill with all that proves it, in a file. */
import type pg from 'pg'
import { BILL_TABLES, gatherBill, newerEvents } from '../../projector/bill/gather.js'
import { PartFile } from '../../projector/export/part-file.js'
import { inSnapshot, type RowSource } from '../../projector/query/row-source.js'
import { ReplicaFault } from '../../schemas/prove-entry.js'
import type { BillProof } from '../../schemas/tariff/bill-proof-format.js'
import { checkBill, type ProvedBill } from '../../schemas/tariff/check-bill.js'
import { proveBill } from '../../schemas/tariff/prove-bill.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { billLines } from '../verify/bill-lines.js'

export interface BillProofAsked {
  readonly point: string
  readonly month: string
  readonly path: string
  readonly onProgress: (what: string, done: number, total: number) => void
}

/** Makes it, checks it as anybody would, and writes it. `client`: of a role that reads schemas ledger, store and analytics. Gives what
 *  to tell. Rejects where nothing can be proved, with the reason. */
export async function writeBillProof(client: pg.ClientBase, { path, ...asked }: BillProofAsked): Promise<string[]> {
  const { proof, proved, events, notes } = await inSnapshot(client, BILL_TABLES, async (source) => {
    try {
      const held = await gatherBill({ source, signatures: sodiumSignatures, ...asked })
      const made = proveBill(held)
      const checked = checkBill(made, held.registry.store.eventBytes(0) ?? Buffer.alloc(0), sodiumSignatures)
      if (!checked.ok) throw new ReplicaFault(checked.reason)
      return { proof: made, proved: checked.proved, events: held.registry.size, notes: await laterNotes(source, made) }
    } catch (error) {
      if (!(error instanceof ReplicaFault)) throw error
      throw new Error(`what the tables hold does not prove it (${error.message}): run 'meterchain audit'`, { cause: error })
    }
  })
  if (proof.lines.length === 0) throw new Error(nothing(proved, events))
  const bytes = await write(path, proof)
  return [
    ...billLines(proved),
    ...notes,
    `${path}: ${bytes} bytes. Anybody who has the genesis checks it: meterchain verify --proof ${path} --genesis genesis.json`,
  ]
}

/** `events`: of the registry, in the tables. */
const nothing = ({ bill: { point, month }, registry }: ProvedBill, events: number): string =>
  `no bill of ${point} for ${month}: nothing was measured that the checkpoint covers, or no plan holds (see analytics.unpriced_points)${newerEvents(registry.size, events)}`

async function write(path: string, proof: BillProof): Promise<number> {
  const file = await PartFile.create(path)
  try {
    await file.write(Buffer.from(`${JSON.stringify(proof)}\n`))
    const { bytes } = await file.close()
    await file.publish()
    return bytes
  } catch (error) {
    await file.discard()
    throw error
  }
}

/** The tables may be ahead of the checkpoint. */
async function laterNotes(source: RowSource, { point, month, totals }: BillProof): Promise<string[]> {
  const rows = await source.rows<{ amount: string | null; currency: string }>(
    'SELECT amount::text, currency FROM analytics.bills WHERE usage_point = $1 AND month = $2 ORDER BY currency COLLATE "C"',
    [point, `${month}-01`],
  )
  const text = (sums: readonly { amount: string | null; currency: string }[]) =>
    sums.map(({ amount, currency }) => `${amount ?? 'no amount'} ${currency}`).join(', ') || 'nothing'
  if (text(rows) === text(totals)) return []
  return [
    `later      the tables say ${text(rows)}: by blocks or events that the checkpoint does not cover yet; prove it again then`,
  ]
}
