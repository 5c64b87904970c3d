/** What a replay is given, and what it tells. */
import type { Logger } from 'pino'
import type { FillSource } from '../fill-source.js'
import type { SetPlace } from './set-place.js'

export type Step = 'records' | 'indexes' | 'digests' | 'swap'

export interface ReplayDeps {
  readonly logger: Logger
  readonly source: FillSource
  readonly place: SetPlace
  /** PostgreSQL as the writer. */
  readonly databaseUrl: string
  /** Whether the signature of each entry is checked; it ends at the first that is not as the verdict says. Default: the votes are trusted. */
  readonly checksSignatures?: boolean
  /** Threads that fill the lanes, where others than this can. Default: one a core, at most 8. */
  readonly threads?: number
  onProgress(step: Step, done: number, all: number, counted: Counted): void
  /** Aborted: what is being written is written, and it ends with the signal’s reason. */
  readonly signal: AbortSignal
}

export interface Counted {
  readonly messages: number
  readonly intervals: number
}
