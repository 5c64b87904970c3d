/** Every table that follows from the logs: its columns in the order of its tuples. The writer copies by these, the audit compares
 *  by these. */

/** time: milliseconds since 1970. channel: 8 bytes, an int8 in the table. record: bytes that are compared by their digest. */
export type Kind = 'int2' | 'int4' | 'int8' | 'channel' | 'time' | 'text' | 'bytes' | 'record' | 'decimal' | ArrayKind
export type ArrayKind = 'int2[]' | 'int4[]' | 'int8[]'
export type Value = number | bigint | string | Buffer | readonly number[] | null
export type Row = readonly Value[]

export interface Column {
  readonly name: string
  readonly kind: Kind
  /** Whether it is one of those that name a row. */
  readonly isKey: boolean
}

export interface Table<R extends Row = Row> {
  readonly name: string
  readonly columns: readonly Column[]
  /** A query that gives its rows, where they are kept in another form. */
  readonly source?: string
  /** Only ties the table to its tuple’s type. */
  readonly example?: R
}

/** `columns`: name and kind, with an asterisk where it is part of the key: 'lane:int2*'. */
export function table<R extends Row>(name: string, ...columns: { readonly [I in keyof R]: string }): Table<R> {
  return {
    name,
    columns: (columns as readonly string[]).map((text) => {
      const [column = '', kind = ''] = text.replace('*', '').split(':')
      return { name: column, kind: kind as Kind, isKey: text.endsWith('*') }
    }),
  }
}

type Origin = [lane: number, height: bigint, entry: number]

export type BlockRow = [
  ...[lane: number, height: bigint, hash: Buffer, previous: Buffer, root: Buffer, verdictHash: Buffer, count: number],
  ...[counted: number, registrySize: number, sourceEpoch: number, firstOffset: bigint, lastOffset: bigint, sealedAt: number],
  ...[finalAt: number, proposer: string, attempt: number, logOffset: bigint, record: Buffer],
]
export const BLOCKS = table<BlockRow>(
  'ledger.blocks',
  ...(['lane:int2*', 'height:int8*', 'hash:bytes', 'previous:bytes', 'root:bytes', 'verdict_hash:bytes', 'count:int4'] as const),
  ...(['counted:int4', 'registry_size:int8', 'source_epoch:int4', 'first_offset:int8', 'last_offset:int8'] as const),
  ...(['sealed_at:time', 'final_at:time', 'proposer:text', 'attempt:int4', 'log_offset:int8', 'record:record'] as const),
)
export type VoteRow = [lane: number, height: bigint, authority: string, record: Buffer]
export const VOTES = table<VoteRow>('ledger.votes', 'lane:int2*', 'height:int8*', 'authority:text*', 'record:bytes')

export type ReadingRow = [...Origin, meter: number, sequence: number, sentAt: number, revises: number | null, leaf: Buffer]
export const READINGS = table<ReadingRow>(
  'store.readings',
  ...(['lane:int2*', 'height:int8*', 'entry:int2*', 'meter:int4', 'sequence:int8', 'sent_at:time', 'revises:int8'] as const),
  'leaf:bytes',
)
/** Intervals as they are kept: see `profileRows`. */
export type ProfileRow = [
  ...[...Origin, meter: number, sequence: number, channel: Buffer, start: number, step: number],
  ...[narrow: readonly number[] | null, wide: readonly number[] | null, quality: readonly number[] | null],
  total: number | null,
]
export const PROFILES = table<ProfileRow>(
  'store.profiles',
  ...(['lane:int2*', 'height:int8*', 'entry:int2*', 'meter:int4', 'sequence:int8', 'channel:channel*', 'start:time*'] as const),
  ...(['step:int4', 'narrow:int4[]', 'wide:int8[]', 'quality:int2[]', 'total:int4'] as const),
)
export type RegisterRow = [...Origin, meter: number, sequence: number, channel: Buffer, at: number, value: number]
export const REGISTERS = table<RegisterRow>(
  'store.registers',
  ...(['lane:int2*', 'height:int8*', 'entry:int2*', 'meter:int4', 'sequence:int8', 'channel:channel*', 'at:time*'] as const),
  'value:int8',
)
export type RejectionRow = [...Origin, fault: number, meter: string | null, sequence: number | null, leaf: Buffer]
export const REJECTIONS = table<RejectionRow>(
  'store.rejections',
  ...(['lane:int2*', 'height:int8*', 'entry:int2*', 'fault:int4', 'meter:text', 'sequence:int8', 'leaf:bytes'] as const),
)
export type EvidenceRow = [
  ...[lane: number, height: bigint, number: number, kind: string, authority: string, ofHeight: bigint, block: Buffer],
  ...[registrySize: number, hash: Buffer],
]
export const EVIDENCE = table<EvidenceRow>(
  'store.evidence',
  ...(['lane:int2*', 'height:int8*', 'number:int4*', 'kind:text', 'authority:text', 'of_height:int8', 'block:bytes'] as const),
  ...(['registry_size:int8', 'hash:bytes'] as const),
)
/** `offset` and `at` of null: it stands in the block’s certificate. */
export type EvidenceRecordRow = [
  ...[lane: number, height: bigint, number: number, original: number, authority: string, fault: number | null, detail: string],
  ...[offset: bigint | null, at: number | null, record: Buffer],
]
export const EVIDENCE_RECORDS = table<EvidenceRecordRow>(
  'store.evidence_records',
  ...(['lane:int2*', 'height:int8*', 'number:int4*', 'original:int4*', 'authority:text', 'fault:int4', 'detail:text'] as const),
  ...(['log_offset:int8', 'at:time', 'record:record'] as const),
)
export type ChannelRow = [channel: Buffer, obis: string, unit: number, scaler: number, factor: string]
export const CHANNELS = table<ChannelRow>(
  'store.channels',
  ...(['channel:channel*', 'obis:text', 'unit:int2', 'scaler:int2', 'factor:decimal'] as const),
)

export type ChainRow = [chainId: Buffer, network: string, lanes: number, genesis: Buffer]
export const CHAINS = table<ChainRow>('ledger.chains', 'chain_id:bytes*', 'network:text', 'lanes:int4', 'genesis:bytes')
/** Without the next offset, which is a hint. */
export type CursorRow = [
  ...[source: string, lane: number, height: bigint, blockHash: Buffer, verdictHash: Buffer, registrySize: number],
  ...[sourceEpoch: number, lastOffset: bigint],
]
export const CURSORS = table<CursorRow>(
  'ledger.cursors',
  ...(['source:text*', 'lane:int2*', 'height:int8', 'block_hash:bytes', 'verdict_hash:bytes', 'registry_size:int8'] as const),
  ...(['source_epoch:int4', 'last_offset:int8'] as const),
)

export type EventRow = [index: number, kind: string, leaf: Buffer, record: Buffer]
export const EVENTS = table<EventRow>('ledger.registry_events', 'event_index:int8*', 'kind:text', 'leaf:bytes', 'record:record')
export type MeterRow = [
  ...[number: number, meter: string, lane: number, signer: string, key: Buffer, event: number, leafIndex: number],
  retiredFrom: number | null,
]
export const METERS = table<MeterRow>(
  'store.meters',
  ...(['number:int4*', 'meter:text', 'lane:int2', 'signer:text', 'key:bytes', 'event_index:int8', 'leaf_index:int4'] as const),
  'retired_from:int8',
)
/** `validTo` of Infinity: until further notice. */
export type AssignmentRow = [
  ...[meter: number, validFrom: number, validTo: number, usagePoint: string, zone: string, feeder: string],
  ...[region: string, plan: string, event: number],
]
export const ASSIGNMENTS = table<AssignmentRow>(
  'store.assignments',
  ...(['meter:int4*', 'valid_from:time*', 'valid_to:time', 'usage_point:text', 'zone:text', 'feeder:text'] as const),
  ...(['region:text', 'plan:text', 'event_index:int8'] as const),
)

/** An assignment that a later event with the same start replaced. */
export type PastAssignmentRow = [meter: number, validFrom: number, usagePoint: string, zone: string, plan: string, event: number]
export const PAST_ASSIGNMENTS = table<PastAssignmentRow>(
  'store.past_assignments',
  ...(['meter:int4*', 'valid_from:time*', 'usage_point:text', 'zone:text', 'plan:text', 'event_index:int8*'] as const),
)

export type DoorRejectionRow = [
  ...[lane: number, offset: bigint, at: number, fault: number, meter: string, leaf: Buffer, detail: string, bytes: Buffer],
]
export const DOOR_REJECTIONS = table<DoorRejectionRow>(
  'store.door_rejections',
  ...(['lane:int2*', 'log_offset:int8*', 'at:time', 'fault:int2', 'meter:text', 'leaf:bytes', 'detail:text'] as const),
  'bytes:bytes',
)
export type RepairEventRow = [
  ...[lane: number, offset: bigint, id: string, kind: string, ofLane: number, subject: string, fault: string, status: string],
  ...[by: string, at: number, tookMillis: number | null, from: number | null, to: number | null, detail: string],
]
export const REPAIR_EVENTS = table<RepairEventRow>(
  'store.repair_events',
  ...(['lane:int2*', 'log_offset:int8*', 'id:text', 'kind:text', 'of_lane:int4', 'subject:text', 'fault:text'] as const),
  ...(['status:text', 'told_by:text', 'at:time', 'took_millis:int8', 'first_sequence:int8', 'last_sequence:int8'] as const),
  'detail:text',
)
export type CheckpointRow = [offset: bigint, record: Buffer]
export const CHECKPOINT_RECORDS = table<CheckpointRow>('ledger.checkpoint_records', 'log_offset:int8*', 'record:record')

/** What follows from the program and the server, not from the logs. */
export type FaultRow = [code: number, name: string, meaning: string, remedy: string]
export const FAULTS = table<FaultRow>('store.faults', 'code:int2*', 'name:text', 'meaning:text', 'remedy:text')
export const ZONES = table<[zone: string]>('store.zones', 'zone:text*')
