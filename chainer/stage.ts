import type { Stage } from '../infra/stage.js'

export const chainerStage: Stage = {
  name: 'chainer',
  purpose: 'groups readings into SHA-256 linked blocks and seals them when it is its authority’s turn',
  reads: ['readings', 'chain', 'registry'],
  writes: ['chain'],
  keeps: 'the registry’s fold (LMDB); of a lane nothing: it is taken up from the tail of its log',
  signs: true,
  main: 'chainer/main.js',
}
