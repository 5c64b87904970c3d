// Three kinds of wrong: a fault is a value (schemas/faults.ts); these are the other two.

/** We are wrong: an invariant does not hold. Never retried, never caught: log, exit, let the supervisor start us from the log. */
export class BugError extends Error {
  override readonly name = 'BugError'
}

/** The world is not ready (broker away, registry size not reached). Retried with a bound, then the process exits. */
export class TransientError extends Error {
  override readonly name = 'TransientError'
}
