import type { BillFigures, BillProofLine } from './bill-proof-format.js'

const nameOf = ({ name, plan, event }: BillProofLine): string => `‘${name}’ of plan ${plan} (event ${event})`
const isSame = (a: BillProofLine, b: BillProofLine): boolean => a.event === b.event && a.zone === b.zone

/** What a person needs to find the first figure that is not what the entries give; undefined: all are. */
export function differenceOf(said: BillFigures, made: BillFigures): string | undefined {
  for (const [at, line] of made.lines.entries()) {
    const found = said.lines[at]
    if (found === undefined || !isSame(found, line)) {
      const isElsewhere = said.lines.some((each) => isSame(each, line))
      return `line ${at} should be ${nameOf(line)}, which is ${isElsewhere ? 'in another place' : 'missing'}`
    }
    const field = (Object.keys(line) as (keyof BillProofLine)[]).find((each) => found[each] !== line[each])
    if (field !== undefined)
      return `line ${at}, ${nameOf(line)}: its ${field} is ${found[field]}, and the entries and the plan give ${line[field]}`
  }
  const extra = said.lines[made.lines.length]
  if (extra !== undefined) return `line ${made.lines.length}, ${nameOf(extra)}, is not in the bill that the entries give`
  const [saidSums, madeSums] = [sumsText(said), sumsText(made)]
  return saidSums === madeSums ? undefined : `the bill is ${saidSums}, and its lines give ${madeSums}`
}

function sumsText({ totals, problems }: BillFigures): string {
  const sums = totals.map(({ currency, amount }) => `${amount ?? 'no amount'} ${currency}`)
  return [...sums, ...problems].join(', ') || 'nothing'
}
