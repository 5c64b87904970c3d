/** A format that rows are written in, each row as the texts that the query gives. */
export interface RowFile {
  write(rows: readonly (readonly (string | null)[])[]): Promise<void>
  finish(): Promise<void>
}

export const FORMATS = ['parquet', 'csv'] as const
export type Format = (typeof FORMATS)[number]
