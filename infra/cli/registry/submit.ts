/** `meterchain registry submit FILE [--wait]`: into the log, and in force. */
import { randomUUID } from 'node:crypto'
import { recoverLanes } from '../../../chainer/recover.js'
import { TransientError } from '../../../schemas/errors.js'
import { ChainFollower } from '../../chain/chain-follower.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { dryRun } from '../../registry/dry-run.js'
import { assertUsable, type Proposal, ProposalError, readProposal } from '../../registry/proposal-file.js'
import { eventSummary } from '../../registry/readable-event.js'
import { EventRefusedError, submitSigned } from '../../registry/registry-writer.js'
import type { Runtime } from '../../stage-runtime.js'
import { tell } from '../progress.js'
import { tallyLines } from './check.js'
import { print, withRegistry } from './session.js'

export interface SubmitOptions {
  wait?: boolean
  timeout: number
  json?: boolean
}

export async function submitProposal(file: string, { wait = false, timeout, json }: SubmitOptions): Promise<void> {
  const proposal = await readProposal(file)
  await withRegistry(async (state, runtime) => {
    assertUsable(proposal, state)
    const size = await submit(runtime, proposal)
    const isGovernance = state.governanceAt(size).since === size
    const lanes = wait && isGovernance ? await namedByEveryLane(runtime, size, timeout * 1000) : undefined
    print(json, { file, size, isGovernance, lanes: lanes && Object.fromEntries(lanes) }, () => [
      `${eventSummary(proposal.body.content)}: counts from registry size ${size} on`,
      ...(lanes === undefined ? [] : [`each of ${lanes.size} lanes has a final block that names it`]),
      ...(isGovernance && !wait
        ? ['whoever leaves keeps voting until each lane has a final block that names it (see --wait)']
        : []),
    ])
  })
}

/** Only signatures that hold go along. */
async function submit({ registry, writer, ids }: Runtime, proposal: Proposal): Promise<number> {
  const { tally, refused } = dryRun(registry.state, proposal)
  if (refused !== undefined) throw new EventRefusedError(proposal.body.content.kind, refused)
  if (!tally.isEnough) throw new ProposalError(`not enough have signed.\n${tallyLines(tally).join('\n')}`)
  const signed = { bodyBytes: proposal.bodyBytes, signatures: tally.holding, meters: [] }
  return (await submitSigned(registry, writer, ids, signed)).size
}

/** Resolves when every lane has a final block that names at least `size`, with its height. Rejects with TransientError. */
export async function namedByEveryLane(runtime: Runtime, size: number, deadlineMillis: number): Promise<Map<number, number>> {
  const { registry } = runtime
  const lanes = Array.from({ length: registry.state.lanes }, (_, lane) => lane)
  const positions = await recoverLanes(lanes, { ...runtime, verify: sodiumSignatures.verify })
  const named = new Map<number, number>()
  const note = (lane: number, height: bigint, registrySize: number) => {
    if (registrySize < size || named.has(lane)) return
    named.set(lane, Number(height))
    tell(`lane ${lane}: block ${height} names registry size ${registrySize}`)
  }
  for (const [lane, position] of positions)
    if (position !== undefined) note(lane, position.final.height, position.final.registrySize)
  let settle: (error?: Error) => void = () => undefined
  const settled = new Promise<void>((resolve, reject) => {
    settle = (error) => (error === undefined ? resolve() : reject(error))
  })
  const look = () => {
    if (named.size === lanes.length) settle()
  }
  const late = () => {
    const missing = lanes.filter((lane) => !named.has(lane)).join(', ')
    settle(
      new TransientError(
        `after ${deadlineMillis / 1000} s lanes ${missing} have no final block that names registry size ${size}: do chainers and validators of more than 2/3 of the weight run?`,
      ),
    )
  }
  const timer = setTimeout(late, deadlineMillis)
  const follower = new ChainFollower({
    ...{ ...runtime, verify: sodiumSignatures.verify, groupId: `meterchain-registry-command-${randomUUID()}`, positions },
    onFinal: ({ lane, header }) => {
      note(lane, header.height, header.registrySize)
      look()
    },
    onFailure: (error) => settle(error),
  })
  try {
    look()
    await Promise.all([follower.start(), settled])
    return named
  } finally {
    clearTimeout(timer)
    await follower.stop()
  }
}
