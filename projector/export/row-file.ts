/** Texts that the query gives, one for each column. */
export type Row = readonly (string | null)[]

/** A format that rows are written in. */
export interface RowFile {
  write(rows: readonly Row[]): Promise<void>
  /** `facts`: what the file says of itself, where the format has a place for it. */
  finish(facts: string): Promise<void>
}

export const FORMATS = ['parquet', 'csv'] as const
export type Format = (typeof FORMATS)[number]
