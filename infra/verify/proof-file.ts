/** An offline proof in a file, checked with the genesis alone, and told to a person. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { fromHex, hex } from '../../schemas/bytes.js'
import type { CheckedAs } from '../../schemas/check-form.js'
import { checkConsistency, checkInclusion, checkMeterKey } from '../../schemas/checkpoint/check-proofs.js'
import { obisText } from '../../schemas/obis.js'
import { checkProof, type Proved } from '../../schemas/proof.js'
import type { Profile, Reading, Register } from '../../schemas/records.js'
import { checkBill } from '../../schemas/tariff/check-bill.js'
import { loadConfig } from '../config.js'
import { sodiumSignatures } from '../crypto/sodium.js'
import { billLines, gapReason } from './bill-lines.js'
import { chainLine, consistencyLines, coveringLines, finalLine, inclusionLines, meterKeyLines } from './checkpoint-lines.js'

export type VerifiedProof = { readonly ok: true; readonly lines: string[] } | { readonly ok: false; readonly reason: string }

/** Longer lists of values are cut, and say so. */
const VALUES_SHOWN = 96

/** `acceptGaps`: a bill with readings missing between others holds too, and says so. `genesisPath`: a file that holds the genesis record’s bytes, or what the query API or `saveGenesis` gives; default:
 *  <home>/genesis.json. Rejects with Error where a file cannot be read. */
export async function verifyProofFile(path: string, genesisPath: string | undefined, acceptGaps = false): Promise<VerifiedProof> {
  const genesis = await readGenesisRecord(genesisPath)
  const proof = jsonOf((await readFile(path)).toString('utf8'))
  if (proof === undefined) return { ok: false, reason: `${path} is no JSON` }
  return checkedFile(proof, genesis, acceptGaps)
}

const kinded = z.object({ kind: z.string() })

/** By what it says that it is; without a kind it is a proof of an entry. */
function checkedFile(proof: unknown, genesis: Buffer, acceptGaps: boolean): VerifiedProof {
  const kind = kinded.safeParse(proof).data?.kind
  if (kind === undefined) return told(checkProof(proof, genesis, sodiumSignatures), linesOf)
  if (kind === 'consistency') return told(checkConsistency(proof, genesis, sodiumSignatures), consistencyLines)
  if (kind === 'inclusion') return told(checkInclusion(proof, genesis, sodiumSignatures), inclusionLines)
  if (kind === 'meter-key') return told(checkMeterKey(proof, genesis, sodiumSignatures), meterKeyLines)
  if (kind === 'bill') return checkedBill(proof, genesis, acceptGaps)
  return {
    ok: false,
    reason: `there is no kind of proof '${kind.slice(0, 80)}': bill, consistency, inclusion, meter-key, or none of an entry`,
  }
}

function checkedBill(proof: unknown, genesis: Buffer, acceptGaps: boolean): VerifiedProof {
  const checked = checkBill(proof, genesis, sodiumSignatures)
  const reason = checked.ok && !acceptGaps ? gapReason(checked.proved) : undefined
  return reason === undefined ? told(checked, billLines) : { ok: false, reason }
}

const told = <T>(checked: CheckedAs<T>, lines: (proved: T) => string[]): VerifiedProof =>
  checked.ok ? { ok: true, lines: lines(checked.proved) } : checked

/** The genesis event from a file, as above. */
export const readGenesisRecord = async (path = join(loadConfig().home, 'genesis.json')): Promise<Buffer> =>
  genesisRecordOf(await readFile(path))

const genesisFile = z.union([
  z.object({ genesis: z.string() }).transform(({ genesis }) => genesis),
  z.object({ event: z.string() }).transform(({ event }) => event),
])

/** JSON with the record in hexadecimal as `genesis` or `event`; anything else is the record itself. */
function genesisRecordOf(bytes: Buffer): Buffer {
  const parsed = genesisFile.safeParse(jsonOf(bytes.toString('utf8')))
  return parsed.success ? fromHex(parsed.data) : bytes
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined // not JSON: the callers say what that means for them
  }
}

function linesOf(proved: Proved): string[] {
  const { lane, height, blockHash, sealedAt, entry, leafHash, counted, reading, key, checkpoint } = proved
  const what = counted.counted ? 'counts' : `does not count: ${counted.fault} (code ${counted.code})`
  return [
    chainLine(proved),
    `block      lane ${lane}, height ${height}, ${hex(blockHash)}`,
    `sealed     ${new Date(sealedAt).toISOString()} by its proposer’s clock`,
    finalLine(proved),
    ...(checkpoint === undefined ? [] : coveringLines(checkpoint)),
    `entry      ${entry}, leaf hash ${hex(leafHash)}: it ${what}`,
    ...(key === undefined ? [] : [`signed by  the meter’s key ${hex(key)}`]),
    ...(reading === undefined ? ['content    cannot be read'] : readingLines(reading, counted.counted)),
  ]
}

function readingLines(reading: Reading, isProved: boolean): string[] {
  const { meter, sequence, sentAt, revises, profiles, registers } = reading
  return [
    `meter      ${meter}${isProved ? '' : ' (as it says; not proved)'}, sequence ${sequence}${revises === null ? '' : `, corrects ${revises}`}`,
    `sent       ${new Date(sentAt).toISOString()} by the meter’s clock`,
    ...profiles.flatMap(profileLines),
    ...registers.map(registerLine),
  ]
}

function profileLines(profile: Profile): string[] {
  const { obis, start, step, values, quality } = profile
  const codes = quality.flatMap(({ code, count }) => Array<number>(count).fill(code))
  const shown = values.slice(0, VALUES_SHOWN).map((value, i) => {
    const from = isoSeconds(start + i * step)
    const code = codes[i] ?? 0
    return `  ${from} to ${isoSeconds(start + (i + 1) * step)}  ${amount(value, profile)}${code === 0 ? '' : `, quality ${code}`}`
  })
  const rest = values.length - shown.length
  return [`channel    ${obisText(obis)}`, ...shown, ...(rest === 0 ? [] : [`  and ${rest} more`])]
}

const registerLine = (register: Register): string =>
  `register   ${obisText(register.obis)} at ${isoSeconds(register.at)}  ${amount(register.value, register)}`

const isoSeconds = (seconds: number): string => new Date(seconds * 1000).toISOString().replace('.000Z', 'Z')

/** DLMS units that meters of ours use; others are told by their number. */
const UNITS: Readonly<Record<number, string>> = {
  27: 'W',
  28: 'VA',
  29: 'var',
  30: 'Wh',
  31: 'VAh',
  32: 'varh',
  33: 'A',
  35: 'V',
  44: 'Hz',
}

/** Exact: the integer with its decimal point moved. */
function amount(value: number, { unit, scaler }: { unit: number; scaler: number }): string {
  return `${decimal(value, scaler)} ${UNITS[unit] ?? `DLMS unit ${unit}`}`
}

function decimal(value: number, scaler: number): string {
  const digits = String(Math.abs(value))
  const sign = value < 0 ? '-' : ''
  if (scaler >= 0) return value === 0 ? '0' : `${sign}${digits}${'0'.repeat(scaler)}`
  const padded = digits.padStart(1 - scaler, '0')
  return `${sign}${padded.slice(0, scaler)}.${padded.slice(scaler)}`
}
