import { TransientError } from '../../schemas/errors.js'

interface Waiter {
  isMet(): boolean
  resolve(): void
  reject(error: Error): void
}

/** Promises that resolve when something has come so far. Whoever moves it calls `check`. */
export class Waiters {
  readonly #waiting = new Set<Waiter>()
  #failure: Error | undefined

  /** Resolves once `isMet`. Rejects with TransientError at the deadline, or with what `fail` was given. */
  until(isMet: () => boolean, deadlineMillis: number, what: () => string): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (isMet()) return Promise.resolve()
    return new Promise<void>((resolve, reject) => {
      const settle = (done: () => void) => {
        clearTimeout(timer)
        this.#waiting.delete(waiter)
        done()
      }
      const waiter: Waiter = {
        isMet,
        resolve: () => settle(resolve),
        reject: (error) => settle(() => reject(error)),
      }
      const timer = setTimeout(
        () => waiter.reject(new TransientError(`${what()} (waited for ${deadlineMillis} ms)`)),
        deadlineMillis,
      )
      this.#waiting.add(waiter)
    })
  }

  check(): void {
    for (const waiter of [...this.#waiting]) if (waiter.isMet()) waiter.resolve()
  }

  /** Rejects all who wait and who will. The first failure stays. */
  fail(error: Error): void {
    this.#failure ??= error
    for (const waiter of [...this.#waiting]) waiter.reject(this.#failure)
  }
}
