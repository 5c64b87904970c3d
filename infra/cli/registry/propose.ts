/** `meterchain registry propose KIND`: one command for each kind of event that is proposed. */
import { Argument, Command } from 'commander'
import { hex } from '../../../schemas/bytes.js'
import type { ConsensusKind } from '../../../schemas/records.js'
import { sourceEpochOf } from '../../../schemas/registry/governance-rules.js'
import type { RegistryState } from '../../../schemas/registry/state.js'
import { dryRun } from '../../registry/dry-run.js'
import { createProposal, type ProposedContent, proposalOf, withSignatures } from '../../registry/proposal-file.js'
import { eventSummary, readableContent } from '../../registry/readable-event.js'
import { EventRefusedError } from '../../registry/registry-writer.js'
import { LIFETIME_EVENTS, newBody } from '../../registry/sign-event.js'
import { timeZoneDocument } from '../../registry/time-zone-document.js'
import { bytes32, epochSeconds, wholeNumber } from './arguments.js'
import { tallyLines } from './check.js'
import { namedEvidence } from './evidence.js'
import { print, signHere, withRegistry } from './session.js'
import { tariffDocument } from './tariff-file.js'

interface ProposeOptions {
  out: string
  sign: boolean
  keyFile?: string
  asMeter?: boolean
  lifetime: number
  json?: boolean
}
/** The content, or how it is made from the registry as it is. */
type Proposed = ProposedContent | ((state: RegistryState) => ProposedContent)

export function proposeCommand(): Command {
  const propose = new Command('propose')
    .description('Writes an event to a file, to be signed by as many as it needs; refused at once where the rules say no')
    .addHelpText(
      'after',
      `
Examples:
  meterchain registry propose add-authority west 9f3c…e1 --weight 1 --out add-west.json
  meterchain registry propose set-consensus pos --out pos.json
  meterchain registry propose publish-time-zone Europe/London --out london.json
  meterchain registry propose publish-tariff economy-7 economy-7.json --valid-from 2027-01-01 --out tariff.json
Then: meterchain registry sign, check, submit FILE`,
    )
  for (const command of [...authorityKinds(), ...chainKinds(), ...meterKinds()]) propose.addCommand(command)
  return propose
}

const authority = () => new Argument('<authority>', 'its id')
const meter = () => new Argument('<meter>', 'its id')
const key = () => new Argument('<key>', 'public key, 64 hexadecimal digits (meterchain keys show)').argParser(bytes32)

function authorityKinds(): Command[] {
  const add = kind('add-authority', 'Another authority, which votes and seals from then on')
    .addArgument(authority())
    .addArgument(key())
    .option('--weight <n>', 'its stake', wholeNumber, 1)
    .action((id: string, publicKey: Buffer, options: ProposeOptions & { weight: number }) =>
      propose({ kind: 'AddAuthority', authority: { id, key: publicKey, weight: options.weight } }, options),
    )
  const remove = kind('remove-authority', 'An authority leaves; it votes until every lane has a block of the new state')
    .addArgument(authority())
    .action((id: string, options: ProposeOptions) => propose({ kind: 'RemoveAuthority', authority: id }, options))
  const rotate = kind('rotate-authority-key', 'Another key for an authority, whose stages hold both until every lane knows it')
    .addArgument(authority())
    .addArgument(key())
    .addHelpText(
      'after',
      '\nMake the key with meterchain keys create ID --out <home>/keys/next/ID.json and start the stages again, then propose it.',
    )
    .action((id: string, publicKey: Buffer, options: ProposeOptions) =>
      propose({ kind: 'RotateAuthorityKey', authority: id, key: publicKey }, options),
    )
  const stake = kind('set-stake', 'Another weight for an authority; 0: it neither votes nor seals')
    .addArgument(authority())
    .addArgument(new Argument('<weight>').argParser(wholeNumber))
    .action((id: string, weight: number, options: ProposeOptions) =>
      propose({ kind: 'SetStake', authority: id, weight }, options),
    )
  const slash = kind('slash-stake', 'Takes weight from an authority, on the ground of evidence')
    .addArgument(authority())
    .addArgument(new Argument('<amount>').argParser(wholeNumber))
    .option('--evidence <file-or-hash...>', 'files of meterchain registry evidence, which are checked, or hashes that name them')
    .addHelpText(
      'after',
      '\nAn event that removes an authority has no place for evidence: slash its weight to 0 first, which ends its part at once.',
    )
    .action((id: string, amount: number, options: ProposeOptions & { evidence?: string[] }) =>
      propose((state) => {
        const evidence = (options.evidence ?? []).map((each) => evidenceOf(each, id, state))
        return { kind: 'SlashStake', authority: id, amount, evidence }
      }, options),
    )
  return [add, remove, rotate, stake, slash]
}

const evidenceOf = (fileOrHash: string, id: string, state: RegistryState): Buffer =>
  /^[0-9a-f]{64}$/i.test(fileOrHash) ? bytes32(fileOrHash) : namedEvidence(fileOrHash, id, state)

function chainKinds(): Command[] {
  const consensus = kind('set-consensus', 'Proof of authority (turns in order) or proof of stake (turns drawn by weight)')
    .addArgument(new Argument('<kind>').choices(['poa', 'pos']))
    .action((to: ConsensusKind, options: ProposeOptions) => propose({ kind: 'SetConsensus', consensus: to }, options))
  const rules = kind(
    'set-rules',
    'Another version of the rules of verdicts; this software has one, and judges alike whatever the number',
  )
    .addArgument(new Argument('<version>').argParser(wholeNumber))
    .action((version: number, options: ProposeOptions) => propose({ kind: 'SetRules', rules: version }, options))
  const epoch = kind('new-source-epoch', 'A lane’s readings begin anew: its partition was lost, meters send again')
    .addArgument(new Argument('<lane>').argParser(wholeNumber))
    .action((lane: number, options: ProposeOptions) =>
      propose((state) => {
        const present = sourceEpochOf(state.governanceAt(state.size), lane)
        return { kind: 'SetSourceEpoch', lane, epoch: present + 1 }
      }, options),
    )
  return [consensus, ...tariffKinds(), rules, epoch]
}

function tariffKinds(): Command[] {
  const validFrom = 'date (midnight UTC), or time with its zone'
  const tariff = kind(
    'publish-tariff',
    'A version of a plan, or a signal: a JSON document of at most 256 KiB (SPEC.md, section 18)',
  )
    .argument('<plan>', 'name of the plan')
    .argument('<file>', 'the document; it is written without white space')
    .requiredOption('--valid-from <time>', validFrom, epochSeconds)
    .action((plan: string, file: string, options: ProposeOptions & { validFrom: number }) =>
      propose({ kind: 'PublishTariff', plan, validFrom: options.validFrom, document: tariffDocument(file) }, options),
    )
  const zone = kind('publish-time-zone', 'Local time for bills: a zone’s offsets as this machine knows them, for all to agree on')
    .argument('<zone>', 'IANA name, as usage points have it')
    .option('--valid-from <time>', validFrom, epochSeconds, 0)
    .option('--from-year <year>', 'first year whose changes it holds', wholeNumber, 2000)
    .option('--to-year <year>', 'last year', wholeNumber, 2060)
    .action((name: string, options: ProposeOptions & Record<'validFrom' | 'fromYear' | 'toYear', number>) => {
      const { validFrom: from, fromYear, toYear } = options
      const document = JSON.stringify(timeZoneDocument(name, fromYear, toYear + 1))
      return propose({ kind: 'PublishTariff', plan: name, validFrom: from, document }, options)
    })
  return [tariff, zone]
}

function meterKinds(): Command[] {
  const from = '--from-sequence <n>'
  const rotate = kind('rotate-meter-key', 'Another key for a meter from a sequence on; signed by the meter or by more than 2/3')
    .addArgument(meter())
    .addArgument(key())
    .requiredOption(from, 'first sequence that it signs', wholeNumber)
    .action((id: string, publicKey: Buffer, options: ProposeOptions & { fromSequence: number }) =>
      propose({ kind: 'RotateMeterKey', meter: id, fromSequence: options.fromSequence, key: publicKey }, options),
    )
  const reset = kind('reset-meter', 'A meter that lost its memory begins anew; signed by the meter or by more than 2/3')
    .addArgument(meter())
    .requiredOption('--sequence <n>', 'its next sequence', wholeNumber)
    .requiredOption('--previous <hash>', 'what that reading links to, 64 hexadecimal digits', bytes32)
    .action((id: string, options: ProposeOptions & { sequence: number; previous: Buffer }) =>
      propose({ kind: 'ResetMeter', meter: id, sequence: options.sequence, previous: options.previous }, options),
    )
  const retire = kind('retire-meter', 'A meter’s readings count no more from a sequence on; signed by one authority')
    .addArgument(meter())
    .requiredOption(from, 'first sequence that does not count', wholeNumber)
    .action((id: string, options: ProposeOptions & { fromSequence: number }) =>
      propose({ kind: 'RetireMeter', meter: id, fromSequence: options.fromSequence }, options),
    )
  const assign = kind('assign-usage-point', 'Where a meter hangs from a time on; signed by one authority')
    .addArgument(meter())
    .requiredOption('--valid-from <time>', 'date (midnight UTC), or time with its zone', epochSeconds)
    .requiredOption('--point <id>', 'usage point')
    .requiredOption('--zone <zone>', 'IANA time zone')
    .option('--feeder <name>', '', '')
    .option('--region <name>', '', '')
    .option('--plan <name>', 'tariff plan', '')
    .action(
      (
        id: string,
        options: ProposeOptions & Record<'point' | 'zone' | 'feeder' | 'region' | 'plan', string> & { validFrom: number },
      ) => {
        const { point, zone, feeder, region, plan, validFrom } = options
        return propose(
          { kind: 'AssignUsagePoint', meter: id, validFrom, usagePoint: { id: point, zone, feeder, region, plan } },
          options,
        )
      },
    )
  for (const command of [rotate, reset]) command.option('--as-meter', 'the key of --key-file is the meter’s own')
  return [rotate, reset, retire, assign]
}

function kind(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .requiredOption('--out <file>', 'where the proposal goes; an existing file is not overwritten')
    .option('--no-sign', 'leaves it to others to sign')
    .option('--key-file <file>', 'default: METERCHAIN_KEY_FILE, or <home>/keys/<authority>.json')
    .option('--lifetime <events>', 'registry events after which it expires', wholeNumber, LIFETIME_EVENTS)
    .option('--json', 'as JSON')
}

async function propose(proposed: Proposed, options: ProposeOptions): Promise<void> {
  await withRegistry(async (state) => {
    const content = typeof proposed === 'function' ? proposed(state) : proposed
    const unsigned = proposalOf(state.chainId, newBody(content, state.size + options.lifetime))
    const { refused } = dryRun(state, unsigned)
    if (refused !== undefined) throw new EventRefusedError(content.kind, refused)
    const proposal = options.sign ? withSignatures(unsigned, await signHere(state, unsigned, options)) : unsigned
    await createProposal(options.out, proposal)
    const { tally } = dryRun(state, proposal)
    const value = {
      ...{ file: options.out, eventId: hex(proposal.body.id), expiresAtSize: proposal.body.expiresAtSize },
      ...{ content: readableContent(content), signers: tally.seen.map(({ signer }) => signer), isEnough: tally.isEnough },
    }
    print(options.json, value, () => [`${options.out}: ${eventSummary(content)}`, ...tallyLines(tally)])
  })
}
