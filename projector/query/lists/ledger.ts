/** Blocks and checkpoints, and what authorities signed that they should not have. */
import { equal, heights, OF_LANE } from './conditions.js'
import { named } from './glossary.js'
import type { List } from './list.js'
import { choice } from './parameters.js'

export const LEDGER: readonly List[] = [
  {
    path: '/v1/lanes/:lane/blocks',
    operationId: 'listBlocks',
    summary: 'Final blocks of a lane',
    scope: 'ledger',
    of: { lane: OF_LANE },
    within: {
      exists: `SELECT FROM ledger.cursors WHERE source = 'chain' AND lane = $1`,
      missing: ({ lane }) => `there is no lane ${lane}: /v1/lanes lists them`,
    },
    from: () => 'analytics.blocks',
    columns: named(
      ...(['lane', 'height', 'hash', 'previous', 'root', 'entries', 'counted', 'rejected', 'proposer', 'voters'] as const),
      ...(['attempt', 'registrySize', 'firstOffset', 'lastOffset', 'sealedAt', 'finalAt'] as const),
    ),
    query: {
      ...heights(),
      proposer: equal('proposer', 'sealed by this authority alone'),
    },
    order: [['height', 'int8']],
  },
  {
    path: '/v1/checkpoints',
    operationId: 'listCheckpoints',
    summary: 'Checkpoints, and who vouches for each; as signed notes: /v1/checkpoints/{size}',
    scope: 'ledger',
    from: () => 'analytics.checkpoints',
    columns: named(
      ...(['size', 'height', 'root', 'blocks', 'proposer', 'sealedAt', 'finalAt', 'registrySize', 'signedWeight'] as const),
      ...(['totalWeight', 'isSigned', 'signers', 'witnesses', 'witnessedAt'] as const),
    ),
    nullable: ['witnessedAt'],
    query: heights(),
    order: [['height', 'int8']],
  },
  {
    path: '/v1/evidence',
    operationId: 'listEvidence',
    summary: 'What authorities signed that they should not have',
    scope: 'ledger',
    from: () => 'analytics.evidence',
    columns: named(
      ...(['evidence', 'kind', 'authority', 'lane', 'height', 'block', 'faults', 'rejectedBy', 'foundAt'] as const),
      ...(['finalHeight', 'number', 'topic'] as const),
    ),
    nullable: ['faults', 'rejectedBy', 'foundAt'],
    query: {
      authority: equal('authority', 'of this authority alone'),
      kind: equal('kind', 'of this kind alone', choice('void-block', 'contradiction', 'split-view')),
    },
    order: [
      ['lane', 'int8'],
      ['final_height', 'int8'],
      ['number', 'int8'],
    ],
  },
]
