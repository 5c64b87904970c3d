/** The IANA zone that ESPI's LocalTimeParameters describe: an offset, and rules of when daylight saving time begins and ends. Times in a
 *  feed are UTC; the zone says which day of the customer's they belong to. */

const HOUR = 3_600
const NO_RULE = 'FFFFFFFF'

/** Second Sunday of March to first Sunday of November, at 2:00 (North America, since 2007). */
const NORTH_AMERICA = '360E2000 B40E2000'
/** Offset from UTC in hours, to a zone with these rules. */
const NORTH_AMERICAN_ZONES: Readonly<Record<string, string>> = {
  '-3.5': 'America/St_Johns',
  '-4': 'America/Halifax',
  '-5': 'America/New_York',
  '-6': 'America/Chicago',
  '-7': 'America/Denver',
  '-8': 'America/Los_Angeles',
  '-9': 'America/Anchorage',
}

/** Undefined where no zone is known that behaves so. */
export function zoneOfParameters(texts: ReadonlyMap<string, string>): string | undefined {
  const offset = seconds(texts.get('tzOffset'))
  const shift = seconds(texts.get('dstOffset') ?? '0')
  if (offset === undefined || shift === undefined) return undefined
  const rules = [texts.get('dstStartRule') ?? NO_RULE, texts.get('dstEndRule') ?? NO_RULE].map((rule) => rule.toUpperCase())
  if (shift === 0 || rules.every((rule) => rule === NO_RULE)) return fixedZone(offset / HOUR)
  return shift === HOUR && rules.join(' ') === NORTH_AMERICA ? NORTH_AMERICAN_ZONES[String(offset / HOUR)] : undefined
}

const seconds = (text: string | undefined) => (/^-?\d{1,5}$/.test(text ?? '') ? Number(text) : undefined)

/** IANA's names of fixed offsets count westward. */
function fixedZone(hours: number): string | undefined {
  if (hours === 0) return 'UTC'
  if (!Number.isInteger(hours) || hours < -12 || hours > 14) return undefined
  return `Etc/GMT${hours < 0 ? '+' : '-'}${Math.abs(hours)}`
}
