/** Whether something that the projector stands on is away, by the looks that were taken at it. Pure. */
export interface OutageRule {
  /** Looks in a row that must fail: one alone may be a moment's. */
  readonly downAfter: number
  /** Looks in a row that must succeed. */
  readonly upAfter: number
}

export type Change = { readonly kind: 'away'; readonly since: number } | { readonly kind: 'back'; readonly until: number }

export class Outage {
  #isAway: boolean
  /** Of the looks that last said otherwise: how many, and when the first was. */
  #against = 0
  #firstAt = 0

  /** `isAway`: it was when the process before this one ended. */
  constructor(
    private readonly rule: OutageRule,
    isAway = false,
  ) {
    this.#isAway = isAway
  }

  get isAway(): boolean {
    return this.#isAway
  }

  /** A look that began at that time, milliseconds; undefined: it changed nothing. */
  look(isUp: boolean, at: number): Change | undefined {
    if (isUp !== this.#isAway) {
      this.#against = 0
      return undefined
    }
    if (this.#against++ === 0) this.#firstAt = at
    if (this.#against < (isUp ? this.rule.upAfter : this.rule.downAfter)) return undefined
    this.#isAway = !isUp
    this.#against = 0
    return isUp ? { kind: 'back', until: this.#firstAt } : { kind: 'away', since: this.#firstAt }
  }
}
