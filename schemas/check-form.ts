/** What anybody’s JSON proves: its form first, then all that it says. */
import type { z } from 'zod'
import { ProofFault } from './proof-registry.js'

export type CheckedAs<T> = { readonly ok: true; readonly proved: T } | { readonly ok: false; readonly reason: string }

/** Where a value is not of the form that it must have. */
export function firstIssue(issues: readonly { path: readonly PropertyKey[]; message: string }[]): string {
  const [issue] = issues
  return issue === undefined ? 'unknown' : `${issue.path.map(String).join('.') || 'the whole'}: ${issue.message}`
}

/** `what`: “a proof”. `check` throws ProofFault where it does not hold. */
export function checkedForm<V, T>(schema: z.ZodType<V>, what: string, value: unknown, check: (given: V) => T): CheckedAs<T> {
  const parsed = schema.safeParse(value)
  if (!parsed.success) return { ok: false, reason: `not of the form of ${what}: ${firstIssue(parsed.error.issues)}` }
  try {
    return { ok: true, proved: check(parsed.data) }
  } catch (error) {
    if (error instanceof ProofFault) return { ok: false, reason: error.message }
    throw error
  }
}
