import { hex } from '../../../schemas/bytes.js'

// How vectors stand in files: JSON, bytes in hexadecimal, one case a line.

/** Plain JSON of whatever a recipe made: bytes in hexadecimal, heights and offsets as numbers. */
export function plain(value: unknown): unknown {
  if (typeof value === 'bigint') return Number(value)
  if (value instanceof Uint8Array) return hex(value)
  if (Array.isArray(value)) return value.map(plain)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, each]) => each !== undefined)
      .map(([name, each]) => [name.replace(/^meterchain\./, ''), plain(each)]),
  )
}

/** The text of a vectors file. */
export function frozenText(value: unknown): string {
  const json = plain(value)
  if (Array.isArray(json)) return `${lines(json)}\n`
  const parts = Object.entries(json as object).map(
    ([name, each]) => `${JSON.stringify(name)}: ${Array.isArray(each) ? lines(each) : JSON.stringify(each)}`,
  )
  return `{\n${parts.join(',\n')}\n}\n`
}

const lines = (items: readonly unknown[]): string => `[\n${items.map((each) => JSON.stringify(each)).join(',\n')}\n]`
