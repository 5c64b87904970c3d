/** What broke and was repaired, and what was refused. */
import { equal, OF_LANE, times } from './conditions.js'
import { named } from './glossary.js'
import type { List } from './list.js'
import { choice } from './parameters.js'

const KINDS = choice('resend', 'reseal', 'reproject', 'replay', 'restore', 'epoch', 'rebuild', 'wait', 'skip')
const REPAIR_QUERY = {
  kind: equal('kind', 'of this kind alone', KINDS),
  status: equal('status', 'of this status alone', choice('requested', 'completed', 'failed')),
  lane: OF_LANE,
}
const MILLIS = 'round(extract(epoch FROM took) * 1000)::int8'
const TOLD_LAST = 'coalesce(completed_at, requested_at)'

export const OPERATIONS: readonly List[] = [
  {
    path: '/v1/repairs',
    operationId: 'listRepairs',
    summary: 'What broke, and what was done; the newest first',
    scope: 'operations',
    from: () => 'analytics.repairs',
    columns: {
      ...named('id', 'kind', 'lane', 'subject', 'fault', 'status', 'by', 'requestedAt', 'completedAt'),
      tookMillis: MILLIS,
      ...named('detail', 'events'),
    },
    nullable: ['lane', 'requestedAt', 'completedAt', 'tookMillis'],
    query: { ...REPAIR_QUERY, ...times(TOLD_LAST) },
    order: [
      [TOLD_LAST, 'timestamptz'],
      ['id', 'text'],
    ],
    isNewestFirst: true,
  },
  {
    path: '/v1/repair-events',
    operationId: 'listRepairEvents',
    summary: 'What was told of repairs, event by event; the newest first',
    scope: 'operations',
    from: () => 'analytics.repair_events',
    columns: {
      ...named('id', 'kind', 'lane', 'subject', 'fault', 'status', 'by', 'at'),
      tookMillis: MILLIS,
      ...named('firstSequence', 'lastSequence', 'detail', 'logPartition', 'logOffset'),
    },
    nullable: ['lane', 'tookMillis', 'firstSequence', 'lastSequence'],
    query: { repair: equal('id', 'of the repair of this id alone'), ...REPAIR_QUERY, ...times('at') },
    order: [
      ['at', 'timestamptz'],
      ['log_partition', 'int8'],
      ['log_offset', 'int8'],
    ],
    isNewestFirst: true,
  },
  {
    path: '/v1/rejections',
    operationId: 'listRejections',
    summary: 'What does not count, and why: entries of final blocks, and what the door refused; the newest first',
    scope: 'operations',
    from: () => 'analytics.rejections',
    columns: named(
      ...(['source', 'rejectedAt', 'meter', 'sequence', 'fault', 'meaning', 'remedy', 'detail', 'leaf', 'lane'] as const),
      ...(['height', 'entry', 'logOffset'] as const),
    ),
    nullable: ['meter', 'sequence', 'meaning', 'remedy', 'detail', 'height', 'entry', 'logOffset'],
    query: {
      ...times('rejected_at'),
      source: equal('source', 'of this source alone', choice('chain', 'door')),
      meter: equal('meter', 'that give this meter id alone'),
      fault: equal('fault', 'of this fault alone'),
      lane: OF_LANE,
    },
    order: [
      ['rejected_at', 'timestamptz'],
      ['lane', 'int8'],
      ['source', 'text'],
      ['coalesce(height, log_offset)', 'int8'],
      ['coalesce(entry, 0)', 'int8'],
    ],
    isNewestFirst: true,
  },
]
