import { profileRows, type Series } from '../../projector/project.js'
import type { IntervalRow } from '../../projector/rows/logical-tables.js'
import type { ProfileRow } from '../../projector/rows/tables.js'

/** Rows as the projector keeps them, of intervals that a test has as rows: those that follow one another without a gap in one message,
 *  channel and step are one profile. */
export const packedIntervals = (rows: readonly IntervalRow[]): ProfileRow[] => [...profileRows(seriesOf(rows))]

function seriesOf(rows: readonly IntervalRow[]): Series[] {
  const all: { first: IntervalRow; values: number[]; quality: number[] }[] = []
  for (const row of rows) {
    const last = all.at(-1)
    const follows = last !== undefined && isNext(last.first, last.values.length, row)
    const profile = follows ? last : { first: row, values: [], quality: [] }
    if (!follows) all.push(profile)
    profile.values.push(row[8])
    profile.quality.push(row[9])
  }
  return all.map(({ first: [lane, height, entry, meter, sequence, channel, start, step], values, quality }) => {
    const profile = { obis: channel.subarray(0, 6), unit: channel[6] ?? 0, scaler: (channel[7] ?? 0) - 128, step, values }
    const runs = quality.map((code) => ({ code, count: 1 }))
    return { place: [lane, height, entry], meter, sequence, channel, profile: { ...profile, start: start / 1000, quality: runs } }
  })
}

function isNext(first: IntervalRow, count: number, row: IntervalRow): boolean {
  const isSame = [0, 1, 2, 3, 4, 7].every((column) => first[column] === row[column]) && first[5].equals(row[5])
  return isSame && first[6] + count * first[7] * 1000 === row[6]
}
