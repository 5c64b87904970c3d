import type { Stage } from '../infra/stage.js'

/** The door. */
export const stage = {
  name: 'ingest',
  purpose: 'Takes signed readings over HTTPS, checks each, and packs them by lane into records of the log.',
  reads: ['registry', 'chain', 'repairs'],
  writes: ['readings', 'rejections'],
  keeps: 'the registry and the head of each meter (LMDB), both folded from the logs',
  signs: false,
  main: 'dist/ingest/main.js',
} as const satisfies Stage
