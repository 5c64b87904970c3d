import type { TopicName } from '../stage.js'

/** In the order in which they depend on one another: a block names events of the registry, a checkpoint names blocks. */
export const RESTORABLE = ['registry', 'chain', 'checkpoints'] as const satisfies readonly TopicName[]
export type RestorableTopic = (typeof RESTORABLE)[number]
