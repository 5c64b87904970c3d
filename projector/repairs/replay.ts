/** Tells when the database has lost rows that were there: it was emptied, or is an old backup. What was reached is kept in a file
 *  beside it; without the file, an empty database is just a new one. */
import { randomUUID } from 'node:crypto'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { type TellRepair, ToldRepair } from '../../infra/repairs/repair-events.js'

const kept = z.object({
  chainId: z.string(),
  /** By lane, as text. */
  heights: z.record(z.string(), z.string()),
  /** A replay that is under way. */
  replay: z.object({ id: z.string(), began: z.number() }).optional(),
})
type Kept = z.infer<typeof kept>

/** By lane. */
export type Heights = ReadonlyMap<number, bigint>

export interface ReplayOptions {
  readonly folder: string
  /** Hexadecimal. */
  readonly chainId: string
  readonly tell: TellRepair
}

export class Replay {
  readonly #file: string
  #kept: Kept

  constructor(private readonly options: ReplayOptions) {
    this.#file = join(options.folder, 'reached.json')
    this.#kept = this.#read() ?? { chainId: options.chainId, heights: {} }
  }

  get isUnderWay(): boolean {
    return this.#kept.replay !== undefined
  }

  /** At the start, with the heights that the database says. Tells of a replay that begins; one that was cut off goes on. */
  async begin(heights: Heights): Promise<void> {
    const behind = this.#behind(heights)
    if (behind.length === 0 || this.isUnderWay) return
    this.#kept = { ...this.#kept, replay: { id: `replay/database/${randomUUID()}`, began: Date.now() } }
    await this.#told()?.requested(behind.join('; '))
    this.#write()
  }

  /** Keeps how far the tables are; tells when a replay is done. */
  async reached(heights: Heights): Promise<void> {
    if (this.isUnderWay && this.#behind(heights).length === 0) {
      await this.#told()?.ended('completed', 'the rows that were lost are there again')
      const { replay, ...rest } = this.#kept
      this.#kept = rest
      this.#write()
    }
    this.#raise(heights)
  }

  #behind(heights: Heights): string[] {
    return Object.entries(this.#kept.heights).flatMap(([lane, height]) => {
      const now = heights.get(Number(lane)) ?? 0n
      return now < BigInt(height) ? [`lane ${lane} is at height ${now}, and ${height} was reached before`] : []
    })
  }

  #raise(heights: Heights): void {
    const higher = [...heights].filter(([lane, height]) => height > BigInt(this.#kept.heights[lane] ?? 0))
    if (higher.length === 0) return
    const raised = Object.fromEntries(higher.map(([lane, height]) => [lane, String(height)]))
    this.#kept = { ...this.#kept, heights: { ...this.#kept.heights, ...raised } }
    this.#write()
  }

  #told(): ToldRepair | undefined {
    const { replay } = this.#kept
    const note = { kind: 'replay', lane: -1, subject: 'database', fault: 'rows-lost', by: 'projector' } as const
    return replay && new ToldRepair(note, this.options.tell, replay.began, replay.id)
  }

  /** A file that cannot be read, or is of another chain, is none. */
  #read(): Kept | undefined {
    try {
      const found = kept.safeParse(JSON.parse(readFileSync(this.#file, 'utf8')))
      return found.success && found.data.chainId === this.options.chainId ? found.data : undefined
    } catch (error) {
      if (error instanceof SyntaxError || (error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
  }

  /** Whole or not at all. */
  #write(): void {
    mkdirSync(this.options.folder, { recursive: true })
    writeFileSync(`${this.#file}.part`, JSON.stringify(this.#kept))
    renameSync(`${this.#file}.part`, this.#file)
  }
}
