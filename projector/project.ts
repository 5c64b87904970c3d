/** A final block's rows. Pure: the same block and the same registry give the same rows, to the writer and to the audit. */
import type { Finalized } from '../infra/chain/lane-reader.js'
import { entryHash } from '../schemas/entry-hashes.js'
import { BugError } from '../schemas/errors.js'
import { obisText } from '../schemas/obis.js'
import { readMeasured } from '../schemas/reading.js'
import type { Profile } from '../schemas/records.js'
import { evidenceRows } from './evidence-rows.js'
import { storableMillis } from './rows/storable.js'
import type {
  BlockRow,
  ChannelRow,
  EvidenceRecordRow,
  EvidenceRow,
  ProfileRow,
  ReadingRow,
  RegisterRow,
  RejectionRow,
  VoteRow,
} from './rows/tables.js'

export interface BlockRows {
  readonly block: BlockRow
  readonly votes: readonly VoteRow[]
  readonly readings: ReadingRow[]
  /** Rows by `profileRows`. */
  readonly series: Series[]
  readonly registers: RegisterRow[]
  readonly rejections: RejectionRow[]
  readonly evidence: readonly EvidenceRow[]
  readonly evidenceRecords: readonly EvidenceRecordRow[]
  /** By the channel’s 8 bytes in hexadecimal. */
  readonly channels: Map<string, ChannelRow>
}

/** Intervals of one profile of an entry. A step of a day and more makes a row of each, and a block of 4 MiB may hold four million. */
export interface Series {
  readonly place: Place
  readonly meter: number
  readonly sequence: number
  readonly channel: Buffer
  readonly profile: Profile
}

/** Bytes of its records: what a block that waits takes of memory. */
export const recordBytes = ({ blockBytes, evidence }: Finalized): number =>
  evidence.flatMap(({ originals }) => originals).reduce((sum, { record }) => sum + record.length, blockBytes.length)

/** The meter’s number in the registry of that size, or undefined where it is not enrolled in it. */
export type NumberOf = (meter: string, registrySize: number) => number | undefined

/** Rows of a block, in the order of its entries. Throws BugError where an entry that counts cannot be read: then more than 2/3 of
 *  the weight went by other rules than ours. `channels`: those of blocks before it, to which its own are added. */
export function projectBlock(finalized: Finalized, numberOf: NumberOf, channels: BlockRows['channels'] = new Map()): BlockRows {
  const rows: BlockRows = {
    block: blockRow(finalized),
    votes: finalized.votes.map(({ bytes, vote }) => [finalized.lane, vote.height, vote.authority, bytes]),
    readings: [],
    series: [],
    registers: [],
    rejections: [],
    ...evidenceRows(finalized),
    channels,
  }
  const codes = new Map(finalized.notCounted.map(({ entry, code }) => [entry, code]))
  finalized.block.entries.forEach((bytes, entry) => {
    const code = codes.get(entry)
    if (code === undefined) projectEntry(rows, finalized, numberOf, bytes, entry)
    else rows.rejections.push(rejectionRow(finalized, bytes, entry, code))
  })
  return rows
}

function blockRow({
  lane,
  header,
  hash,
  block,
  verdictHash,
  notCounted,
  timestamp,
  blockOffset,
  blockBytes,
}: Finalized): BlockRow {
  const { height, previous, root, count, registrySize, sourceEpoch, firstOffset, lastOffset, sealedAt, proposer, attempt } =
    header
  const counted = block.entries.length - notCounted.length
  return [
    ...([
      lane,
      height,
      hash,
      previous,
      root,
      verdictHash,
      count,
      counted,
      registrySize,
      sourceEpoch,
      firstOffset,
      lastOffset,
    ] as const),
    ...([storableMillis(sealedAt), timestamp, proposer, attempt, blockOffset, blockBytes] as const),
  ]
}

function rejectionRow({ lane, header, block }: Finalized, bytes: Buffer, entry: number, code: number): RejectionRow {
  const read = readMeasured(bytes)
  const [meter, sequence] = read.ok ? [read.reading.meter, read.reading.sequence] : [null, null]
  return [lane, header.height, entry, code, meter, sequence, entryHash(block.entries, entry)]
}

function projectEntry(
  rows: BlockRows,
  { lane, header, block }: Finalized,
  numberOf: NumberOf,
  bytes: Buffer,
  entry: number,
): void {
  const { height, registrySize } = header
  const read = readMeasured(bytes)
  if (!read.ok) throw new BugError(`lane ${lane}, height ${height}, entry ${entry} counts and cannot be read: ${read.reason}`)
  const { reading } = read
  const { sequence, sentAt, revises } = reading
  const meter = numberOf(reading.meter, registrySize)
  if (meter === undefined)
    throw new BugError(`lane ${lane}, height ${height}, entry ${entry} counts, but ${reading.meter} is not enrolled`)
  rows.readings.push([lane, height, entry, meter, sequence, sentAt, revises, entryHash(block.entries, entry)])
  for (const profile of reading.profiles) {
    rows.series.push({ place: [lane, height, entry], meter, sequence, channel: channelOf(rows.channels, profile), profile })
  }
  for (const register of reading.registers) {
    const channel = channelOf(rows.channels, register)
    rows.registers.push([lane, height, entry, meter, sequence, channel, register.at * 1000, register.value])
  }
}

type Place = readonly [lane: number, height: bigint, entry: number]

/** A row of the table holds a day of a profile, or all of it where that begins within 25 hours, as the longest local day does: what is
 *  kept packed, and where it is cut, is for the message alone to say. */
const DAY_SECONDS = 86_400
export const REACH_SECONDS = 90_000

/** Rows of the intervals, made as they are asked for. */
export function* profileRows(all: Iterable<Series>): Generator<ProfileRow> {
  for (const { place, meter, sequence, channel, profile } of all) {
    const { values, start, step } = profile
    const quality = qualities(profile)
    for (let from = 0, to = 0; from < values.length; from = to) {
      to = endOfRow(from, values.length, step)
      const startMillis = (start + from * step) * 1000
      const codes = quality.slice(from, to)
      const [narrow, wide] = packed(values.slice(from, to))
      yield [
        ...([...place, meter, sequence, channel, startMillis, step] as const),
        ...([narrow, wide, codes.some((code) => code > 0) ? codes : null, narrow === null ? null : totalOf(narrow)] as const),
      ]
    }
  }
}

/** Rows of one profile. */
export function rowCount({ values, step }: Pick<Profile, 'values' | 'step'>): number {
  let rows = 0
  for (let from = 0; from < values.length; from = endOfRow(from, values.length, step)) rows++
  return rows
}

function endOfRow(from: number, length: number, step: number): number {
  return length - from <= Math.ceil(REACH_SECONDS / step) ? length : from + Math.ceil(DAY_SECONDS / step)
}

/** Four bytes a value where that is enough for each: a quarter-hour of 2 GWh is not a household’s. */
function packed(values: readonly number[]): [narrow: readonly number[] | null, wide: readonly number[] | null] {
  return values.every((value) => value === (value | 0)) ? [values, null] : [null, values]
}

/** Null where it has no room in four bytes: views then sum the values. */
function totalOf(narrow: readonly number[]): number | null {
  const total = narrow.reduce((sum, value) => sum + value, 0)
  return total === (total | 0) ? total : null
}

/** A code for each value; none where all are valid. */
const qualities = ({ quality }: Profile): number[] => quality.flatMap(({ code, count }) => Array<number>(count).fill(code))

/** The 8 bytes that stand for a channel: OBIS (6), unit, scaler + 128. */
function channelOf(
  seen: Map<string, ChannelRow>,
  { obis, unit, scaler }: { obis: Buffer; unit: number; scaler: number },
): Buffer {
  obis.copy(channelScratch)
  channelScratch[6] = unit
  channelScratch[7] = scaler + 128
  const name = channelScratch.toString('hex')
  const known = seen.get(name)
  if (known !== undefined) return known[0]
  const key = Buffer.from(channelScratch)
  seen.set(name, [key, obisText(obis), unit, scaler, powerOfTen(scaler)])
  return key
}
const channelScratch = Buffer.alloc(8)

const powerOfTen = (scaler: number): string => (scaler < 0 ? `0.${'1'.padStart(-scaler, '0')}` : `1${'0'.repeat(scaler)}`)
