/** What a reading must be beyond its encoding. The limits are part of the rules: an entry that breaks one is `malformed`. */
import { isMeterId } from './ids.js'
import { LIMITS } from './limits.js'
import { decodeMeasured, decodeSignedReading, type Measured, type Profile, type Register, type SignedReading } from './records.js'

/** Why a decoded reading is outside the limits, in words for its sender; undefined where it is within. */
export function checkReading(reading: Measured): string | undefined {
  if (!isMeterId(reading.meter))
    return `meter id '${reading.meter.slice(0, LIMITS.idBytes)}' is not of the form [A-Za-z0-9][A-Za-z0-9._:-]{0,63}`
  if (reading.sequence < 1) return `sequence ${reading.sequence} is below 1`
  if (reading.sentAt < 0 || reading.sentAt > LIMITS.epochSeconds * 1000)
    return `sentAt ${reading.sentAt} ms is not between 1970 and 9999`
  if (reading.profiles.length > LIMITS.profilesPerReading)
    return `${reading.profiles.length} profiles are more than ${LIMITS.profilesPerReading}`
  if (reading.registers.length > LIMITS.registersPerReading) {
    return `${reading.registers.length} registers are more than ${LIMITS.registersPerReading}`
  }
  if (reading.profiles.length + reading.registers.length === 0) return 'it holds neither a profile nor a register'
  if (reading.revises !== null && (reading.revises < 1 || reading.revises >= reading.sequence)) {
    return `it revises sequence ${reading.revises}, which is not before its own, ${reading.sequence}`
  }
  return firstReason(reading.profiles, checkProfile) ?? firstReason(reading.registers, checkRegister)
}

function firstReason<T>(items: readonly T[], check: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const reason = check(item)
    if (reason !== undefined) return reason
  }
  return undefined
}

const outside = (value: number, low: number, high: number) => value < low || value > high

function checkProfile(profile: Profile): string | undefined {
  const { values, start, step, quality } = profile
  if (outside(values.length, 1, LIMITS.valuesPerProfile))
    return `a profile of ${values.length} values is not of 1 to ${LIMITS.valuesPerProfile}`
  if (outside(step, 1, LIMITS.stepSeconds)) return `a step of ${step} s is not between 1 s and a leap year`
  if (outside(start, 0, LIMITS.epochSeconds) || start + step * values.length > LIMITS.epochSeconds) {
    return `intervals from ${start} s on are not all between 1970 and 9999`
  }
  const covered = quality.reduce((sum, run) => sum + run.count, 0)
  if (quality.length > 0 && covered !== values.length) return `quality runs cover ${covered} of ${values.length} intervals`
  if (quality.some((run) => run.count < 1 || outside(run.code, 0, LIMITS.qualityCode)))
    return 'a quality run is empty or of an unknown code'
  return checkUnit(profile)
}

function checkRegister(register: Register): string | undefined {
  if (outside(register.at, 0, LIMITS.epochSeconds)) return `a register at ${register.at} s is not between 1970 and 9999`
  return checkUnit(register)
}

function checkUnit({ unit, scaler }: { unit: number; scaler: number }): string | undefined {
  if (outside(unit, 0, LIMITS.unit)) return `unit ${unit} is not between 0 and ${LIMITS.unit}`
  if (outside(scaler, -LIMITS.scaler, LIMITS.scaler))
    return `scaler ${scaler} is not between -${LIMITS.scaler} and ${LIMITS.scaler}`
  return undefined
}

type Read<T> = ({ ok: true } & T) | { ok: false; reason: string }

/** An entry's reading with its signature, or why it is malformed. */
export function readEntry(entry: Buffer): Read<{ signed: SignedReading }> {
  const signed = decodeSignedReading(entry)
  const reason = reasonOf(entry, signed?.reading)
  return signed === undefined || reason !== undefined ? { ok: false, reason: reason ?? NOT_CANONICAL } : { ok: true, signed }
}

/** The same without link and signature: see `decodeMeasured`. */
export function readMeasured(entry: Buffer): Read<{ reading: Measured }> {
  const reading = decodeMeasured(entry)
  const reason = reasonOf(entry, reading)
  return reading === undefined || reason !== undefined ? { ok: false, reason: reason ?? NOT_CANONICAL } : { ok: true, reading }
}

const NOT_CANONICAL = 'its bytes are not one canonical SignedReading of a known version'

function reasonOf(entry: Buffer, reading: Measured | undefined): string | undefined {
  if (entry.length > LIMITS.readingBytes) return `${entry.length} bytes are more than ${LIMITS.readingBytes}`
  return reading && checkReading(reading)
}
