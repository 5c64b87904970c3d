/** What a request may ask for: each parameter with its JSON schema, and the text that PostgreSQL takes it as. */
import { LIMITS } from '../../../schemas/limits.js'

export interface ParameterKind {
  readonly schema: object
  /** SQL type. */
  readonly type: string
  /** From what passed the schema. */
  toSql(value: string | number): string
}

const asText = (value: string | number): string => String(value)

/** No NUL: PostgreSQL has no such text. */
export const text: ParameterKind = {
  schema: { type: 'string', minLength: 1, maxLength: 256, pattern: '^[^\\u0000]+$' },
  type: 'text',
  toSql: asText,
}

export const integer = (minimum: number, maximum: number = LIMITS.long): ParameterKind => ({
  schema: { type: 'integer', minimum, maximum },
  type: 'int8',
  toSql: asText,
})

export const choice = (...values: readonly string[]): ParameterKind => ({
  schema: { type: 'string', enum: values },
  type: 'text',
  toSql: asText,
})

/** Years that PostgreSQL writes as ISO 8601 does. Nothing in the tables is outside. */
const FIRST = Date.parse('0001-01-01T00:00:00Z')
const LAST = Date.parse('9999-12-31T23:59:59.999Z')

/** RFC 3339 with any offset. A leap second is taken for the second before. */
export const time: ParameterKind = {
  schema: { type: 'string', format: 'date-time' },
  type: 'timestamptz',
  toSql: (value) => {
    const millis = Date.parse(
      String(value)
        .replace(/:60(?=[.zZ+-])/, ':59')
        .replace(' ', 'T')
        .toUpperCase(),
    )
    return new Date(Math.min(Math.max(millis, FIRST), LAST)).toISOString()
  },
}

export const day: ParameterKind = {
  schema: { type: 'string', format: 'date' },
  type: 'date',
  toSql: (value) => String(value).replace(/^0000/, '0001'),
}

/** Its first day is what PostgreSQL takes. */
export const month: ParameterKind = {
  schema: { type: 'string', pattern: '^[12]\\d{3}-(0[1-9]|1[0-2])$' },
  type: 'date',
  toSql: (value) => `${value}-01`,
}
