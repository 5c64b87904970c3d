import type { Stage } from '../infra/stage.js'

/** The door. */
export const ingestStage: Stage = {
  name: 'ingest',
  purpose: 'takes signed readings over HTTP, checks each, and packs them by lane into records of the log',
  reads: ['registry', 'chain', 'repairs'],
  writes: ['readings', 'rejections'],
  keeps: 'the registry and the head of each meter (LMDB), both folded from the logs',
  signs: false,
  main: 'ingest/main.js',
}
