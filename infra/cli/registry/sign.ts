/** `meterchain registry sign` and `merge`: one more signature, or those that others gathered. */
import { dryRun } from '../../registry/dry-run.js'
import {
  assertUsable,
  mergeProposals,
  type Proposal,
  ProposalError,
  readProposal,
  replaceProposal,
  withSignatures,
} from '../../registry/proposal-file.js'
import { eventSummary } from '../../registry/readable-event.js'
import { tallyLines } from './check.js'
import { print, type SigningOptions, signHere, withRegistry } from './session.js'

/** Signs, and writes the file back. Nobody puts a name under a file that somebody altered after others had signed it. */
export async function signProposal(file: string, options: SigningOptions & { json?: boolean }): Promise<void> {
  const proposal = await readProposal(file)
  await withRegistry(async (state) => {
    assertUsable(proposal, state)
    const { tally, refused } = dryRun(state, proposal)
    const false_ = tally.seen.find(
      ({ holds, signer }) => !holds && !tally.seen.some((each) => each.holds && each.signer === signer),
    )
    if (false_ !== undefined)
      throw new ProposalError(
        `${file}: a signature of ${false_.signer || 'the meter'} does not hold (${false_.why}). Propose it anew, or take the file from before.`,
      )
    if (refused !== undefined) throw new ProposalError(`${file}: the rules say no, whoever signs: ${refused}`)
    const signed = withSignatures(proposal, await signHere(state, proposal, options))
    await replaceProposal(file, signed)
    show(file, signed, dryRun(state, signed).tally, options.json)
  })
}

/** Adds to a file the signatures that stand in copies of it. */
export async function mergeFiles(file: string, others: readonly string[], { json }: { json?: boolean }): Promise<void> {
  const [first, ...rest] = await Promise.all([file, ...others].map(readProposal))
  if (first === undefined) return
  const merged = mergeProposals(first, ...rest)
  await withRegistry(async (state) => {
    assertUsable(merged, state)
    await replaceProposal(file, merged)
    show(file, merged, dryRun(state, merged).tally, json)
  })
}

function show(file: string, { body }: Proposal, tally: ReturnType<typeof dryRun>['tally'], json: boolean | undefined): void {
  const { seen, weight, neededWeight, isEnough } = tally
  print(json, { file, signatures: seen, weight, neededWeight, isEnough }, () => [
    `${file}: ${eventSummary(body.content)}`,
    ...tallyLines(tally),
  ])
}
