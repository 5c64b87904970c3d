/** What the query API's schemas are put together from. */
import { LIMITS } from '../../schemas/limits.js'
import { PROBLEM_TYPE } from './problem.js'

export const string = (description: string) => ({ type: 'string', description })
export const hash = (description: string) => ({ type: 'string', pattern: '^[0-9a-fA-F]{64}$', description })
export const time = (description: string) => ({ type: 'string', format: 'date-time', description })
export const integer = (description: string, minimum = 0, maximum: number = LIMITS.long) => ({
  ...{ type: 'integer', minimum, maximum, description },
})
export const array = (items: object, description: string) => ({ type: 'array', items, description })
export const object = (properties: Record<string, object>) => ({ type: 'object', properties, required: Object.keys(properties) })
export const orNull = (schema: { type: string; description: string }) => ({ ...schema, type: [schema.type, 'null'] })

export const json = (schema: object, description: string) => ({ description, content: { 'application/json': { schema } } })
export const problem = object({
  type: string('about:blank'),
  title: string('the status in words'),
  status: integer('HTTP status'),
  detail: string('what was wrong with this request'),
})
export const problems = (...statuses: [number, string][]) =>
  Object.fromEntries(
    statuses.map(([status, description]) => [status, { description, content: { [PROBLEM_TYPE]: { schema: problem } } }]),
  )
export const INVALID: [number, string] = [400, 'A parameter is not of its form']
export const UNAVAILABLE: [number, string] = [503, 'The database is away or busy; Retry-After says when to ask again']

export const DAMAGED: [number, string] = [500, 'What this database holds does not prove it']
