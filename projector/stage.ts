import type { Stage } from '../infra/stage.js'

export const projectorStage: Stage = {
  name: 'projector',
  purpose:
    'writes the rows of final blocks into PostgreSQL, with the place that it reached, in one transaction; answers queries, with proofs',
  reads: ['chain', 'registry', 'checkpoints', 'rejections', 'repairs'],
  writes: ['repairs'],
  keeps: 'the registry’s fold (LMDB); tables in PostgreSQL, which are a replica of the logs too',
  signs: false,
  main: 'projector/main.js',
}
