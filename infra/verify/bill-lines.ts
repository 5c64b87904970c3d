/** What the proof of a bill shows, and what it does not, told to a person. */
import { hex } from '../../schemas/bytes.js'
import { figuresOf } from '../../schemas/tariff/bill-proof-format.js'
import type { Gap, ProvedBill, ProvedMeter } from '../../schemas/tariff/check-bill.js'
import { decimalText } from '../../schemas/tariff/money.js'
import { chainLine, headLines } from './checkpoint-lines.js'

const spanText = ({ from, to }: Gap): string => (from === to ? String(from) : `${from} to ${to}`)

export function billLines(proved: ProvedBill): string[] {
  const { bill, checkpoint, registry, blocks, meters, monthSeconds } = proved
  const { lines, totals, problems } = figuresOf(bill)
  const share = ((bill.covered / monthSeconds) * 100).toFixed(2)
  return [
    chainLine(proved),
    ...headLines(checkpoint),
    `bill       usage point ${bill.point}, ${bill.month}`,
    ...lines.map(({ name, plan, event, kwh, count, zone, price, priceScaler, currency, amount }) => {
      const what = zone === null ? `${count} days` : `${kwh} kWh of ${count} values`
      return `  ${name} (plan ${plan}, event ${event}): ${what} at ${decimalText(BigInt(price), -priceScaler)} ${currency} = ${amount}`
    }),
    ...totals.map(({ currency, amount }) => `amount     ${amount ?? `none: ${problems.join(', ')}`} ${currency}`),
    ...(bill.covered === 0 ? [] : [`measured   intervals cover ${bill.covered} of the month’s ${monthSeconds} s (${share} %)`]),
    ...meters.flatMap(meterLines),
    registry.isWhole
      ? `registry   all ${registry.size} events, root ${hex(registry.root)}: no plan, signal, time zone or assignment was left out`
      : `registry   ${registry.events} of ${registry.size} events, root ${hex(registry.root)}: that none of the others matters is not shown`,
    `blocks     ${blocks}, each in the checkpoint with its verdict`,
    'not shown  readings before the first and after the last of each meter (such as later corrections), blocks after the checkpoint,',
    '           and other meters that were enrolled at the usage point',
  ]
}

function meterLines({ meter, isHere, sequences, counted, linked, gaps }: ProvedMeter): string[] {
  if (!isHere) return [`meter      ${meter} was not at the usage point then`]
  if (sequences === undefined) return [`meter      ${meter}: no reading is here`]
  const others = linked === 0 ? '' : `, and ${linked} that are about another time`
  const whole = gaps.length === 0 ? ': none was left out between them' : ''
  return [
    `meter      ${meter}: sequences ${spanText(sequences)}, ${counted} readings that count${others}${whole}`,
    ...gaps.map((gap) => `GAP        ${meter}: sequences ${spanText(gap)} are missing; if they count, the bill may be another`),
  ]
}

/** Why a bill is not proved, though all that is here holds; undefined: it is. */
export function gapReason({ meters }: ProvedBill): string | undefined {
  const found = meters.find(({ gaps }) => gaps.length > 0)
  const [gap] = found?.gaps ?? []
  if (found === undefined || gap === undefined) return undefined
  return `readings of meter ${found.meter} are missing, sequences ${spanText(gap)}: if they count, the bill may be another (--accept-gaps: all else is looked at, and they are told)`
}
