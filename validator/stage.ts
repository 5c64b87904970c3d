import type { Stage } from '../infra/stage.js'

export const validatorStage: Stage = {
  name: 'validator',
  purpose: 'checks every block, judges every reading in it, and votes; asks meters for what is missing; makes the checkpoints',
  reads: ['readings', 'chain', 'registry', 'checkpoints'],
  writes: ['chain', 'checkpoints', 'repairs'],
  keeps:
    'the registry’s fold and each meter’s chain state (LMDB), committed with the lane’s final block, and the final blocks that no checkpoint covers',
  signs: true,
  main: 'validator/main.js',
}
