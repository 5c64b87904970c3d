// Four authorities on a real broker, the fourth false; a projector on a real database; the command line in this process.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { type RunningProjector, startProjector } from '../../../projector/run.js'
import { checkpointMessage, type TreeHead } from '../../../schemas/checkpoint/note.js'
import { type FinalBlock, verdictHash, voteMessage } from '../../../schemas/lane-fold.js'
import { encodeCosignature, encodeSignedVote, encodeVote, type NotCounted } from '../../../schemas/records.js'
import type { Finalized } from '../../chain/lane-reader.js'
import { sign } from '../../crypto/sodium.js'
import { parseProposal } from '../../registry/proposal-file.js'
import { openRuntime } from '../../stage-runtime.js'
import { Authorities } from '../../testing/authorities.js'
import { readCheckpoints, sealCheckpoint } from '../../testing/checkpoints.js'
import { writeKeyFile } from '../../testing/key-files.js'
import { createTestDatabase, type TestDatabase } from '../../testing/postgres.js'
import { testAuthorityKey } from '../../testing/registry.js'
import { cliMust, runCli } from '../../testing/run-cli.js'
import { until } from '../../testing/until.js'

const environment = { ...process.env }
const logger = pino({ level: 'silent' })
let all: Authorities
let database: TestDatabase
let meter: ReturnType<Authorities['meter']>
let projector: (RunningProjector & { readonly metrics: string }) | undefined
const path = (name: string) => join(all.home, name)
const evidence = async (...args: string[]) => JSON.parse(await cliMust('registry', 'evidence', ...args, '--json'))

beforeAll(async () => {
  ;[all, database] = await Promise.all([Authorities.open({ authorities: 4, lanes: 1, meters: 1 }), createTestDatabase()])
  meter = all.meter('meter-1')
  writeKeyFile(path('key.json'), testAuthorityKey('authority-1'))
  writeFileSync(path('genesis'), all.ledger.genesis)
  const { brokers, registryUrl, topicPrefix } = all.config
  Object.assign(process.env, {
    ...{ METERCHAIN_BROKERS: brokers.join(','), METERCHAIN_REGISTRY_URL: registryUrl, METERCHAIN_TOPIC_PREFIX: topicPrefix },
    METERCHAIN_LANES: '1',
    ...{ METERCHAIN_HOME: path('operator'), METERCHAIN_KEY_FILE: path('key.json') },
    ...{ METERCHAIN_DATABASE_URL: database.writerUrl, METERCHAIN_ANALYST_URL: database.analystUrl },
  })
  await Promise.all([1, 2, 3].flatMap((n) => [all.start('chainer', n), all.start('validator', n)]))
}, 90_000)
afterAll(async () => {
  process.env = environment
  await projector?.stop()
  await all.close()
  await database.drop()
}, 90_000)

/** Sends a reading; resolves with the block that it is final in. */
async function round(): Promise<Finalized> {
  const finals = await all.untilCovered(0, await all.send(0, [meter.next()]))
  const newest = finals.at(-1)
  if (newest === undefined) throw new Error('no block is final')
  return newest
}

async function accept(
  authority: string,
  parent: FinalBlock,
  block: Buffer,
  notCounted: NotCounted[],
  { topic, lane }: { topic: 'chain' | 'checkpoints'; lane: number } = { topic: 'chain', lane: 0 },
): Promise<void> {
  const judgement = { kind: 'accept', verdictHash: verdictHash(parent.verdictHash, notCounted), notCounted } as const
  const vote = encodeVote({ lane, height: parent.height + 1n, block, authority, judgement })
  const signature = sign(voteMessage(all.ledger.chainId, vote), testAuthorityKey(authority).secretKey)
  await all.append(topic, 0, encodeSignedVote(vote, signature))
}

async function signHead(authority: string, head: TreeHead): Promise<void> {
  const signature = sign(checkpointMessage(all.ledger.chainId, head, 0), testAuthorityKey(authority).secretKey)
  await all.append('checkpoints', 0, encodeCosignature({ ...head, authority, timestamp: 0, signature }))
}

async function project(): Promise<void> {
  const config = { ...all.config, projectorPort: 0, queryPort: 0 }
  const runtime = await openRuntime({ name: 'projector', signs: false }, config, logger, () => undefined)
  const started = await startProjector({ ...runtime, databaseUrl: database.writerUrl })
  const stop = async () => {
    await started.stop()
    await runtime.stop()
  }
  await started.caughtUp()
  const metrics = await (await fetch(`http://127.0.0.1:${started.port}/metrics`)).text()
  projector = { ...started, metrics, stop }
}

test('what a false authority signed stands in the tables with its originals, and is the same from the log', async () => {
  await round()
  const { final: parent } = (await all.read(0)).state
  const invented = await all.seal(0, 4, { entries: [Buffer.from('never sent')] })
  await until('the false block rejected by three', 30_000, async () => {
    const [candidate] = (await all.read(0)).state.candidates
    return candidate?.ballots.size === 3 && candidate.isVoid
  })
  await accept('authority-4', parent, invented, [])
  await accept('authority-4', parent, invented, [{ entry: 0, code: 5 }])
  const next = await round()
  expect(next.hash).not.toEqual(invented)
  await project()
  await projector?.stop()

  // after the certificate, and while the projector is away: it knows the certificate from its tables
  const voter = next.votes[0]?.vote.authority ?? ''
  await accept(voter, parent, next.hash, [{ entry: 0, code: 6 }])
  await round()
  await project()
  const found = await evidence()
  expect(found).toMatchObject([
    { kind: 'contradiction', authority: 'authority-4', height: Number(parent.height) + 1, faults: [], rejectedBy: [] },
    {
      ...{ kind: 'void-block', authority: 'authority-4', block: invented.toString('hex'), faults: ['wrong-entries'] },
      rejectedBy: ['authority-1', 'authority-2', 'authority-3'],
    },
    { kind: 'contradiction', authority: voter, height: Number(parent.height) + 1, block: next.hash.toString('hex') },
  ])
  expect(found[2].logOffsets).toEqual([null, expect.any(Number)])
  expect(await evidence('--from-log')).toEqual(found)
  expect(await evidence('--authority', voter)).toEqual(found.slice(2))
  expect(await cliMust('registry', 'evidence')).toMatch(/authority-4 .*void-block .*wrong-entries/)
  expect(projector?.metrics).toMatch(/meterchain_evidence\{kind="void-block",authority="authority-4",stage="projector"\} 1/)
  expect(all.fatal).toEqual([])
}, 90_000)

test('a piece of it is handed on in a file, which anybody checks with the genesis, and a proposal names', async () => {
  const [twice, invented] = await evidence()
  const [file, log] = [path('evidence.json'), path('from-log.json')]
  const written = await evidence(invented.evidence.slice(0, 12), '--export', file)
  expect(written).toMatchObject({ kind: 'void-block', isProof: false, authority: 'authority-4', weight: 1, totalWeight: 4 })
  await cliMust('registry', 'evidence', invented.evidence, '--from-log', '--export', log)
  expect(readFileSync(log, 'utf8')).toBe(readFileSync(file, 'utf8'))
  expect(await cliMust('registry', 'evidence', twice.evidence, '--export', path('twice.json'))).toContain('signed both')
  const checked = await cliMust('registry', 'evidence', '--check', file, '--genesis', path('genesis'))
  expect(checked).toContain('rejected   by authority-2: wrong-entries')

  await cliMust('registry', 'propose', 'slash-stake', 'authority-4', '1', '--evidence', file, twice.evidence, '--out', path('s'))
  const { content } = parseProposal(readFileSync(path('s'), 'utf8')).body
  expect(content).toMatchObject({ kind: 'SlashStake', authority: 'authority-4' })
  if (content.kind !== 'SlashStake') throw new Error('another event')
  expect(content.evidence.map((each) => each.toString('hex'))).toEqual([invented.evidence, twice.evidence])
}, 60_000)

test('what does not hold, or does not serve, is refused with the reason', async () => {
  const [, { evidence: hash }] = await evidence()
  const text = readFileSync(path('evidence.json'), 'utf8')
  writeFileSync(path('altered.json'), text.replace('"height": 2', '"height": 3'))
  writeFileSync(path('no.json'), '{')
  const refusals: [string[], RegExp][] = [
    [['evidence', '--check', path('altered.json'), '--genesis', path('genesis')], /it does not hold: the block is of another/],
    [['evidence', '--check', path('no.json'), '--genesis', path('genesis')], /is no JSON/],
    [['evidence', '--export', path('x.json')], /--export needs the hash/],
    [['evidence', hash, '--export', path('evidence.json')], /exists already/],
    [['evidence', '00000000', '--export', path('x.json')], /no evidence is called 00000000/],
    [['evidence', 'xyz'], /first 8 to 64 hexadecimal digits/],
    [
      ['propose', 'slash-stake', 'authority-3', '1', '--evidence', path('evidence.json'), '--out', path('y')],
      /is against authority-4/,
    ],
  ]
  for (const [args, why] of refusals) {
    const { code, stderr } = await runCli('registry', ...args)
    expect([args.join(' '), code, stderr]).toEqual([args.join(' '), 1, expect.stringMatching(why)])
  }
  expect(await cliMust('registry', 'evidence', '00000000')).toContain('no evidence against anybody')
}, 60_000)

test('rows of it that somebody changed, added or deleted are named, and made again from the log', async () => {
  await projector?.stop()
  projector = undefined
  const found = await evidence()
  const admin = new pg.Client({ connectionString: database.adminUrl })
  await admin.connect()
  try {
    await admin.query(`UPDATE store.evidence SET authority = 'authority-1' WHERE kind = 'void-block'`)
    await admin.query(`INSERT INTO store.evidence SELECT lane, height, 9, kind, 'authority-2', of_height, block, registry_size, hash
                         FROM store.evidence LIMIT 1`)
    await admin.query(`DELETE FROM store.evidence_records WHERE original = 1`)
    await admin.query(`INSERT INTO store.evidence SELECT lane, 900, 0, kind, authority, of_height, block, registry_size, hash
                         FROM store.evidence LIMIT 1`)
  } finally {
    await admin.end()
  }
  const audit = await runCli('audit', '--json')
  expect(audit.code).toBe(1)
  const { differences } = JSON.parse(audit.stdout)
  const named = differences.map((each: { table: string; kind: string }) => `${each.table} ${each.kind}`).sort()
  expect(named).toEqual([
    ...['store.evidence differs', 'store.evidence too many', 'store.evidence too many'],
    ...Array(3).fill('store.evidence_records missing'),
  ])
  const repaired = JSON.parse(await cliMust('audit', '--repair', '--json'))
  expect(repaired).toMatchObject({ differenceCount: 0, healed: expect.any(Array) })
  expect(await evidence()).toEqual(found)
}, 60_000)

test('what a false authority signed in topic checkpoints stands beside it, holds in a file, and is named by a proposal', async () => {
  const checkpoints = { topic: 'checkpoints', lane: 1 } as const
  const { head } = await until('a checkpoint over all blocks', 30_000, async () => {
    const { finals, log } = await readCheckpoints(all)
    return log.tips.get(0)?.height === (await all.read(0)).state.final.height && finals.at(-1)
  })
  await signHead('authority-4', head)
  await signHead('authority-4', { ...head, root: Buffer.alloc(32, 7) })
  const { reader, log } = await readCheckpoints(all)
  const { final } = reader.state
  const tip = log.tips.get(0)
  if (tip === undefined) throw new Error('lane 0 has a checkpoint')
  const invented = await sealCheckpoint(all, 4, [{ ...tip, height: tip.height + 1n, block: tip.verdict }])
  await accept('authority-4', final, invented, [], checkpoints)
  await accept('authority-4', final, invented, [{ entry: 0, code: 5 }], checkpoints)
  await round()
  await until('the next checkpoint', 30_000, async () => (await readCheckpoints(all)).reader.state.final.height > final.height)
  await project()
  expect(projector?.metrics).toMatch(/meterchain_evidence\{kind="split-view",authority="authority-4",stage="projector"\} 1/)
  await projector?.stop()
  projector = undefined
  const found = (await evidence()).filter(({ topic }: { topic: string }) => topic === 'checkpoints')
  expect(found).toMatchObject([
    { kind: 'contradiction', authority: 'authority-4', lane: 1, block: invented.toString('hex') },
    { kind: 'void-block', authority: 'authority-4', lane: 1, faults: ['wrong-entries'] },
    { kind: 'split-view', authority: 'authority-4', lane: 1, height: head.size, block: head.root.toString('hex') },
  ])
  expect((await evidence('--from-log')).slice(-3)).toEqual(found)
  expect(await cliMust('registry', 'evidence')).toMatch(/authority-4 .*split-view .*checkpoints/)
  const files = found.map((_: unknown, at: number) => path(`checkpoint-${at}.json`))
  for (const [at, { evidence: hash }] of found.entries()) await cliMust('registry', 'evidence', hash, '--export', files[at])
  expect(await cliMust('registry', 'evidence', '--check', files[2], '--genesis', path('genesis'))).toMatch(
    /heads {6}of size \d+\nsigned {5}root .*\nsigned {5}root 0707.*\n.*a log has one root at each size/,
  )
  await cliMust('registry', 'propose', 'slash-stake', 'authority-4', '1', '--evidence', ...files, '--out', path('slash'))
  const { content } = parseProposal(readFileSync(path('slash'), 'utf8')).body
  if (content.kind !== 'SlashStake') throw new Error('another event')
  expect(content.evidence.map((each) => each.toString('hex'))).toEqual(found.map((each: { evidence: string }) => each.evidence))
  expect((await runCli('audit', '--json')).code).toBe(0)
  expect(all.fatal).toEqual([])
}, 120_000)
