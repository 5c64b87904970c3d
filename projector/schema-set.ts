/** Several sets of the same schemas in one database: the live one, whose names stand in every statement, and others beside it (one that
 *  is being replayed, one as of a past time, the one that was replaced), whose names have a prefix. Statements name the live set alone;
 *  on a connection of another set each is renamed as it is sent. So neither migrations nor writers know of sets. */
import type pg from 'pg'

export const SCHEMAS = ['ledger', 'store', 'analytics', 'migrations'] as const

/** Before the names of a set’s schemas; of the live set it is empty. */
export type SetPrefix = '' | `${string}_`

export const LIVE: SetPrefix = ''
/** The set that is being replayed, until it takes the place of the live one. */
export const REPLAYED = 'replay_' satisfies SetPrefix
/** The set that was live before the last replay. */
export const OLD = 'old_' satisfies SetPrefix

const NAME = /^[a-z][a-z0-9]{0,30}$/

/** The prefix of the set that a person names. Throws RangeError where the name is not plain. */
export function prefixOf(name: string): SetPrefix {
  if (name === 'live') return LIVE
  if (!NAME.test(name)) throw new RangeError(`a set of schemas is named by 1 to 31 of a-z and 0-9, first a letter: '${name}'`)
  return `${name}_`
}

export const nameOf = (prefix: SetPrefix): string => (prefix === LIVE ? 'live' : prefix.slice(0, -1))

export const schemasOf = (prefix: SetPrefix): string[] => SCHEMAS.map((name) => prefix + name)

const ONE = SCHEMAS.join('|')
/** A literal, which stays as it is; a list of schemas; or a schema before the name of what is in it. */
const NAMES = new RegExp(
  `'(?:[^']|'')*'|\\bSCHEMA\\s+(?:IF\\s+(?:NOT\\s+)?EXISTS\\s+)?"?(?:${ONE})\\b"?(?:\\s*,\\s*"?(?:${ONE})\\b"?)*|"?\\b(?:${ONE})\\b"?(?=\\s*\\.)`,
  'gi',
)
const EACH = new RegExp(`\\b(${ONE})\\b`, 'gi')

/** The same statement in that set. */
export function inSet(prefix: SetPrefix, text: string): string {
  if (prefix === LIVE) return text
  return text.replace(NAMES, (found) => (found.startsWith("'") ? found : found.replace(EACH, `${prefix}$1`)))
}

/** From now on all statements of this connection are of that set, those of COPY too. */
export function useSet(client: pg.ClientBase, prefix: SetPrefix): void {
  if (prefix === LIVE) return
  const query = client.query.bind(client) as (...given: unknown[]) => unknown
  const renamed = (first: string | { text: string }, ...rest: unknown[]) => {
    if (typeof first === 'string') return query(inSet(prefix, first), ...rest)
    first.text = inSet(prefix, first.text)
    return query(first, ...rest)
  }
  client.query = renamed as typeof client.query
}
