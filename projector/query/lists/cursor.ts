/** Cursors: where a page ended, as text that means something to nobody but this API. */

/** Of one row's key. */
export const cursorOf = (key: readonly (string | null)[]): string => Buffer.from(JSON.stringify(key)).toString('base64url')

/** Undefined where it is not one of a key of so many parts. */
export function keyOf(cursor: string, parts: number): readonly string[] | undefined {
  const key = jsonOf(Buffer.from(cursor, 'base64url').toString('utf8'))
  const isKey =
    Array.isArray(key) && key.length === parts && key.every((each) => typeof each === 'string' && !each.includes('\0'))
  return isKey ? key : undefined
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
