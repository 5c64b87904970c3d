/** `meterchain registry evidence`: what the logs of lanes and checkpoints hold against authorities; listed, handed on in a file, checked. */
import { readFileSync } from 'node:fs'
import { writeFile } from 'node:fs/promises'
import { InvalidArgumentError } from 'commander'
import { equalBytes, hex } from '../../../schemas/bytes.js'
import { checkEvidence, type ShownEvidence } from '../../../schemas/check-evidence.js'
import type { EvidenceKind } from '../../../schemas/evidence.js'
import { evidenceFile } from '../../../schemas/evidence-format.js'
import type { Hash } from '../../../schemas/hash.js'
import type { RegistryState } from '../../../schemas/registry/state.js'
import { sodiumSignatures } from '../../crypto/sodium.js'
import { ProposalError } from '../../registry/proposal-file.js'
import { readGenesisRecord } from '../../verify/proof-file.js'
import { table } from '../table.js'
import { databaseSource, type EvidenceSource, type ListedEvidence, logSource } from './evidence-sources.js'
import { print, withRegistry } from './session.js'

export interface EvidenceOptions {
  authority?: string
  fromLog?: boolean
  export?: string
  check?: string
  genesis?: string
  json?: boolean
}

/** First digits of a hash that names evidence. */
export function hashStart(text: string): string {
  if (!/^[0-9a-f]{8,64}$/i.test(text)) throw new InvalidArgumentError('not the first 8 to 64 hexadecimal digits of a hash')
  return text.toLowerCase()
}

export async function showEvidence(hash: string | undefined, options: EvidenceOptions): Promise<void> {
  if (options.check !== undefined) return checkFile(options.check, options)
  if (options.export !== undefined && hash === undefined)
    throw new Error('--export needs the hash of what is to be written: meterchain registry evidence HASH --export FILE')
  if (!options.fromLog && options.export === undefined) return list(databaseSource, hash, options)
  await withRegistry(async (state, runtime) => {
    const source = options.fromLog ? logSource(state, runtime) : databaseSource
    if (options.export === undefined || hash === undefined) await list(source, hash, options)
    else await exportOne(source, hash, options.export, state, options)
  })
}

const matching = (all: readonly ListedEvidence[], hash: string | undefined, { authority }: EvidenceOptions): ListedEvidence[] =>
  all.filter((each) => each.evidence.startsWith(hash ?? '') && (authority === undefined || each.authority === authority))

async function list(source: EvidenceSource, hash: string | undefined, options: EvidenceOptions): Promise<void> {
  const found = matching(await source.list(), hash, options)
  print(options.json, found, () => evidenceLines(found))
}

function evidenceLines(found: readonly ListedEvidence[]): string[] {
  if (found.length === 0) return ['no evidence against anybody']
  const rows = found.map(({ evidence, topic, authority, kind, lane, height, faults, rejectedBy, foundAt, logOffsets }) => [
    ...[evidence.slice(0, 16), authority, kind, topic === 'chain' ? lane : topic, height, faults.join(' '), rejectedBy.join(' ')],
    ...[foundAt.toISOString().replace('T', ' ').slice(0, 19), logOffsets.map((each) => each ?? 'certificate').join(' ')],
  ])
  return [
    ...table(
      ['evidence', 'against', 'kind', 'lane', 'height', 'why', 'rejected by', 'when (UTC)', 'offsets in the topic'],
      rows,
    ).split('\n'),
    'a contradiction and a split-view (height: size of the heads) prove themselves; a void-block shows who sealed it and who rejected it, and is for people to judge',
  ]
}

async function exportOne(
  source: EvidenceSource,
  hash: string,
  file: string,
  state: RegistryState,
  options: EvidenceOptions,
): Promise<void> {
  const found = matching(await source.list(), hash, options)
  const [first] = found
  if (first === undefined) throw new Error(`no evidence is called ${hash}`)
  if (new Set(found.map(({ evidence }) => evidence)).size > 1)
    throw new Error(`more than one piece of evidence begins with ${hash}: give more digits`)
  const written = evidenceFile(state, await source.find(first))
  const shown = shownOf(written, genesisOf(state), file)
  await writeFile(file, `${JSON.stringify(written, null, 2)}\n`, { flag: 'wx' }).catch((error: NodeJS.ErrnoException) => {
    throw error.code === 'EEXIST' ? new Error(`${file} exists already: name another file`, { cause: error }) : error
  })
  print(options.json, { file, ...shownJson(shown) }, () => [`${file}:`, ...shownLines(shown)])
}

const genesisOf = (state: RegistryState): Buffer => state.store.eventBytes(0) ?? Buffer.alloc(0)

/** Throws ProposalError where it does not hold. */
function shownOf(value: unknown, genesis: Buffer, file: string): ShownEvidence {
  const checked = checkEvidence(value, genesis, sodiumSignatures)
  if (!checked.ok) throw new ProposalError(`${file}: it does not hold: ${checked.reason}`)
  return checked.shown
}

function readJson(file: string): unknown {
  const text = readFileSync(file, 'utf8')
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw new ProposalError(`${file} is no JSON`, { cause })
  }
}

async function checkFile(file: string, { genesis, json }: EvidenceOptions): Promise<void> {
  const shown = shownOf(readJson(file), await readGenesisRecord(genesis), file)
  print(json, shownJson(shown), () => shownLines(shown))
}

/** The hash of a piece of evidence in a file, as a proposal against `authority` names it. The registry in hand says what the file alone
 *  cannot: that the key was the authority's then. Throws ProposalError where it does not serve. */
export function namedEvidence(file: string, authority: string, state: RegistryState): Hash {
  const shown = shownOf(readJson(file), genesisOf(state), file)
  if (shown.authority !== authority) throw new ProposalError(`${file} is against ${shown.authority}, not against ${authority}`)
  const { registrySize } = shown
  const then = registrySize > state.size ? undefined : state.governanceAt(registrySize)
  const key = then?.authorities.find(({ id }) => id === authority)?.key
  if (key === undefined || !equalBytes(key, shown.key))
    throw new ProposalError(`${file}: ${authority} had another key at registry size ${registrySize} than it says`)
  return shown.hash
}

const shownJson = ({ chainId, block, key, hash, verdicts, roots, ...rest }: ShownEvidence) => ({
  ...rest,
  ...{ chainId: hex(chainId), block: hex(block), key: hex(key), evidence: hex(hash) },
  ...{ verdicts: verdicts.map(hex), roots: roots.map(hex) },
})

const WHAT_IT_MEANS: Record<EvidenceKind, string> = {
  'void-block':
    'sealed it: whether it is false, the topic readings and the registry tell; ‘unseen’ and ‘timing’ need not mean bad faith',
  contradiction: 'signed both: no honest authority accepts one block with two verdicts',
  'split-view': 'signed both: a log has one root at each size',
}

function shownLines(shown: ShownEvidence): string[] {
  const { chainId, network, kind, lane, height, block, authority, key, weight, totalWeight, hash } = shown
  return [
    `evidence   ${hex(hash)}`,
    `chain      ${hex(chainId)} (${network})`,
    `against    ${authority}, weight ${weight} of ${totalWeight} at registry size ${shown.registrySize}, key ${hex(key)}`,
    kind === 'split-view' ? `heads      of size ${height}` : `block      lane ${lane}, height ${height}, ${hex(block)}`,
    ...shown.rejects.map(
      ({ authority: by, fault, detail }) => `rejected   by ${by}: ${fault}${detail === '' ? '' : ` (${detail})`}`,
    ),
    ...shown.verdicts.map((verdict) => `accepted   with verdict ${hex(verdict)}`),
    ...shown.roots.map((root) => `signed     root ${hex(root)}`),
    `${authority} ${WHAT_IT_MEANS[kind]}`,
  ]
}
