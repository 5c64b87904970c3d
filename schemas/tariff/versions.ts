/** A document with its event’s place in the registry and the time from which it is valid, seconds since 1970. */
export interface Dated<D> {
  readonly index: number
  readonly validFrom: number
  readonly document: D
}

export interface Version<D> {
  readonly index: number
  readonly document: D
  readonly from: number
  /** Itself outside. */
  readonly to: number
}

/** Each holds until the next begins; of two that begin at once the later event holds. */
export function versionsOf<D>(dated: readonly Dated<D>[]): Version<D>[] {
  const byStart = new Map<number, Dated<D>>()
  for (const each of dated) {
    const other = byStart.get(each.validFrom)
    if (other === undefined || other.index < each.index) byStart.set(each.validFrom, each)
  }
  const sorted = [...byStart.values()].sort((a, b) => a.validFrom - b.validFrom)
  return sorted.map(({ index, document, validFrom }, i) => {
    return { index, document, from: validFrom, to: sorted[i + 1]?.validFrom ?? Number.POSITIVE_INFINITY }
  })
}

export const versionAt = <D>(versions: readonly Version<D>[], at: number): Version<D> | undefined =>
  versions.find(({ from, to }) => from <= at && at < to)
