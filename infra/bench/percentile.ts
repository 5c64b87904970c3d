/** The nearest-rank percentile: the smallest value that at least `percent` % of the values do not exceed; undefined of none. */
export function percentile(values: readonly number[], percent: number): number | undefined {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)]
}

export interface Spread {
  readonly p50: number | undefined
  readonly p99: number | undefined
}

export const spreadOf = (values: readonly number[]): Spread => ({ p50: percentile(values, 50), p99: percentile(values, 99) })
