/** Parameters that many lists have. */
import { LIMITS } from '../../../schemas/limits.js'
import type { Parameter } from './list.js'
import { day, integer, type ParameterKind, text, time } from './parameters.js'

/** Rows that have this value alone. */
export const equal = (column: string, description: string, kind: ParameterKind = text): Parameter => ({
  ...{ kind, description },
  where: (value) => `${column} = ${value}`,
})

export const OF_LANE = equal('lane', 'of this lane alone', integer(0, LIMITS.lanes - 1))

const range = (kind: ParameterKind, column: string, what: string, isRequired: boolean) => ({
  from: { kind, isRequired, description: `from this ${what} on`, where: (value: string) => `${column} >= ${value}` },
  to: { kind, isRequired, description: `before this ${what}`, where: (value: string) => `${column} < ${value}` },
})
export const times = (column: string, isRequired = false) => range(time, column, 'time', isRequired)
export const days = (isRequired = false) => range(day, 'day', 'day', isRequired)
export const heights = () => range(integer(0), 'height', 'height', false)
