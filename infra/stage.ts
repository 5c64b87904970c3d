/** What a stage is, in one typed object: the launcher, the broker's access lists and the docs are made from these. */
export type TopicName = 'readings' | 'chain' | 'registry' | 'checkpoints' | 'repairs' | 'rejections'

export interface Stage {
  readonly name: 'ingest' | 'chainer' | 'validator' | 'projector'
  /** One sentence for a newcomer. */
  readonly purpose: string
  readonly reads: readonly TopicName[]
  readonly writes: readonly TopicName[]
  /** What it keeps on its own disk or in the database; all of it can be made again from the logs. */
  readonly keeps: string
  /** Whether it needs an authority's key. */
  readonly signs: boolean
  /** The built program, relative to the build’s folder. */
  readonly main: string
}
