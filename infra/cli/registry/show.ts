/** `meterchain registry show` and `events`: the registry as of a size, and how it came to be. */
import { hex } from '../../../schemas/bytes.js'
import { BugError } from '../../../schemas/errors.js'
import { leafHash } from '../../../schemas/merkle.js'
import type { RegistryEvent } from '../../../schemas/records.js'
import type { RegistryState } from '../../../schemas/registry/state.js'
import { quorumWeight, signersOf, tolerated } from '../../registry/dry-run.js'
import { eventSummary, readableContent } from '../../registry/readable-event.js'
import { table } from '../table.js'
import { print, withRegistry } from './session.js'

export async function showRegistry({ size, json }: { size?: number; json?: boolean }): Promise<void> {
  await withRegistry((state) => {
    const shown = registryAt(state, size ?? state.size)
    print(json, shown, () => showLines(shown))
  })
}

/** Throws RangeError at 0 and beyond the present size. */
export function registryAt(state: RegistryState, size: number) {
  const governance = state.governanceAt(size)
  const total = governance.authorities.reduce((sum, { weight }) => sum + weight, 0)
  const { network, lanes } = state.genesis
  const history = state.store.governance().filter(({ since }) => since <= size)
  return {
    ...{ network, chainId: hex(state.chainId), lanes, size, root: hex(state.rootAt(size) ?? noRoot(size)) },
    meters: size === state.size ? state.store.meterCount() : metersAt(state, size),
    ...{ consensus: governance.consensus, rules: governance.rules, sourceEpochs: governance.sourceEpochs },
    authorities: governance.authorities.map(({ id, key, weight }) => ({ id, key: hex(key), weight })),
    ...{ totalWeight: total, neededWeight: quorumWeight(total), toleratedWeight: tolerated(governance) },
    history: history.map(({ since }) => eventRow(state, since - 1)),
  }
}

function noRoot(size: number): never {
  throw new BugError(`the registry has governance at size ${size} and no root`)
}

function metersAt(state: RegistryState, size: number): number {
  let meters = 0
  for (let index = 0; index < size; index++) meters += eventAt(state, index).meters.length
  return meters
}

function eventAt(state: RegistryState, index: number): RegistryEvent {
  const event = state.eventAt(index)
  if (event === undefined) throw new BugError(`registry event ${index} counts and is not held`)
  return event
}

function eventRow(state: RegistryState, index: number) {
  const { body, bodyBytes } = eventAt(state, index)
  return {
    ...{ index, since: index + 1, eventId: hex(body.id), leaf: hex(leafHash(bodyBytes)) },
    ...{ content: readableContent(body.content), summary: eventSummary(body.content), signers: signersOf(state, index) },
  }
}

type EventRow = ReturnType<typeof eventRow>

const eventTable = (rows: readonly EventRow[]): string[] =>
  table(
    ['index', 'kind', 'what', 'signed by'],
    rows.map(({ index, content, summary, signers }) => [
      index,
      content.kind,
      summary,
      signers.map((id) => id || 'the meter').join(' '),
    ]),
  ).split('\n')

function showLines(shown: ReturnType<typeof registryAt>): string[] {
  const epochs = Object.entries(shown.sourceEpochs).map(([lane, epoch]) => `lane ${lane}: ${epoch}`)
  return [
    `network ${shown.network}, chain ${shown.chainId}, ${shown.lanes} lanes`,
    `registry: ${shown.size} events, root ${shown.root}, ${shown.meters} meters`,
    `consensus ${shown.consensus}, rules ${shown.rules}, source epochs ${epochs.length === 0 ? 'all 0' : epochs.join(', ')}`,
    ...table(
      ['authority', 'weight', 'key'],
      shown.authorities.map(({ id, weight, key }) => [id, weight, key]),
    ).split('\n'),
    `${shown.neededWeight} of ${shown.totalWeight} weight decide; authorities of up to ${shown.toleratedWeight} may be false`,
    '',
    'history of governance:',
    ...eventTable(shown.history),
  ]
}

export interface EventsOptions {
  from: number
  limit: number
  kind?: string
  json?: boolean
}

/** Events from an index on; `kind` leaves out the others. */
export async function showEvents({ from, limit, kind, json }: EventsOptions): Promise<void> {
  await withRegistry((state) => {
    const rows: EventRow[] = []
    let next = from
    for (; next < state.size && rows.length < limit; next++)
      if (kind === undefined || eventAt(state, next).body.content.kind === kind) rows.push(eventRow(state, next))
    const rest = next < state.size ? [`the registry holds ${state.size} events; go on with --from ${next}`] : []
    print(json, { size: state.size, events: rows }, () => [...eventTable(rows), ...rest])
  })
}
