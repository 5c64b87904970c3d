import { copyFileSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals'
import pg from 'pg'
import pino from 'pino'
import { startProjector } from '../../../projector/run.js'
import { hex } from '../../../schemas/bytes.js'
import { turnOrder } from '../../../schemas/consensus/turns.js'
import { asAuthorityId } from '../../../schemas/ids.js'
import { laneOf } from '../../../schemas/murmur2.js'
import { decodeRegistryEvent } from '../../../schemas/records.js'
import type { Finalized } from '../../chain/lane-reader.js'
import { readLog } from '../../kafka/log-reader.js'
import type { AuthorityKey } from '../../keys.js'
import { saveGenesis } from '../../registry/genesis.js'
import { foldRegistry } from '../../registry/registry-log.js'
import { openRuntime } from '../../stage-runtime.js'
import { BOOT_ID_FILE } from '../../supervisor/pid-file.js'
import { pidFile } from '../../supervisor/stage-files.js'
import { findLeft } from '../../system/left-authorities.js'
import { Authorities } from '../../testing/authorities.js'
import { captureOutput } from '../../testing/capture-output.js'
import { writeKeyFile } from '../../testing/key-files.js'
import { createTestDatabase } from '../../testing/postgres.js'
import { testAuthorityKey, testKeyPair } from '../../testing/registry.js'
import { run } from '../program.js'

const FOUNDERS = [1, 2, 3, 4]
const LANES = [0, 1]
const METERS = Array.from({ length: 8 }, (_, index) => `meter-${index + 1}`)
let all: Authorities
let folder: string
const environment = { ...process.env }
const keyFile = (n: number | string) => join(folder, 'signing', `authority-${n}.json`)

beforeAll(async () => {
  all = await Authorities.open({ authorities: 4, lanes: LANES.length, meters: METERS.length })
  folder = all.home
  for (const n of [...FOUNDERS, 5]) writeKeyFile(keyFile(n), testAuthorityKey(`authority-${n}`))
  const { brokers, registryUrl, topicPrefix, lanes } = all.config
  Object.assign(process.env, {
    ...{ METERCHAIN_BROKERS: brokers.join(','), METERCHAIN_REGISTRY_URL: registryUrl, METERCHAIN_TOPIC_PREFIX: topicPrefix },
    ...{ METERCHAIN_LANES: String(lanes), METERCHAIN_HOME: join(folder, 'operator'), METERCHAIN_KEY_FILE: keyFile(1) },
  })
  await Promise.all(FOUNDERS.flatMap((n) => [all.start('chainer', n), all.start('validator', n)]))
}, 90_000)
afterAll(async () => {
  process.env = environment
  await all.close()
}, 90_000)
afterEach(() => {
  expect(all.fatal).toEqual([])
})

/** One command in this process. */
async function runCli(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const { out, err, code } = await captureOutput(async () => {
    process.exitCode = await run(['node', 'meterchain', ...args])
  })
  return { code, stdout: `${out.join('\n')}\n`, stderr: err.join('\n') }
}

async function registry(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli('registry', ...args)
  if (code !== 0) throw new Error(`registry ${args.join(' ')} ended with ${code}: ${stderr}${stdout}`)
  return stdout
}
const json = async (...args: string[]) => JSON.parse(await registry(...args, '--json'))
const path = (name: string) => join(folder, `${name}.json`)

/** What others wrote into the topic, into the ledger that the test reads lanes with. */
async function readRegistry(): Promise<void> {
  const part = { topicPrefix: all.config.topicPrefix, topic: 'registry', partition: 0, from: 0n } as const
  await foldRegistry(readLog({ kafka: all.kafka, ...part }), all.ledger.state, () => undefined)
}

/** Proposed by the first, signed by others in the same file, submitted; resolves when every lane names the new state. */
async function governed(
  name: string,
  signers: readonly (number | string)[],
  ...kind: string[]
): Promise<{ size: number; newest: Finalized[] }> {
  await registry('propose', ...kind, '--out', path(name))
  for (const n of signers) await registry('sign', path(name), '--key-file', keyFile(n))
  const { size, lanes } = await json('submit', path(name), '--wait')
  expect(Object.keys(lanes ?? {})).toEqual(LANES.map(String))
  await readRegistry()
  const named = async (lane: number) => (await all.read(lane)).finals.find(({ header }) => header.registrySize >= size)
  const newest = (await Promise.all(LANES.map(named))).filter((each) => each !== undefined)
  return { size, newest }
}

const votersOf = ({ votes }: Finalized) => votes.map(({ vote }) => vote.authority).sort()
const meters = new Map<string, ReturnType<Authorities['meter']>>()

/** Each meter sends once; resolves with the newest block of each lane when all of that is final and counts. */
async function round(): Promise<Finalized[]> {
  const newestOf = async (lane: number) => {
    const entries = METERS.filter((id) => laneOf(id, LANES.length) === lane).map((id) => {
      const meter = meters.get(id) ?? all.meter(id)
      meters.set(id, meter)
      return meter.next()
    })
    const finals = await all.untilCovered(lane, await all.send(lane, entries))
    expect(finals.flatMap(({ notCounted }) => notCounted)).toEqual([])
    return finals.slice(-1)
  }
  return (await Promise.all(LANES.map(newestOf))).flat()
}

test('the registry is shown as of now and as of an earlier size', async () => {
  const now = await json('show')
  expect(now).toMatchObject({
    size: 2,
    meters: 8,
    consensus: 'poa',
    totalWeight: 4,
    neededWeight: 3,
    toleratedWeight: 1,
    lanes: 2,
  })
  expect(now.authorities.map(({ id }: { id: string }) => id)).toEqual(FOUNDERS.map((n) => `authority-${n}`))
  expect(now.root).toBe(hex(all.ledger.state.root))
  expect(now.history).toMatchObject([{ index: 0, content: { kind: 'Genesis' }, signers: FOUNDERS.map((n) => `authority-${n}`) }])
  expect(await json('show', '--size', '1')).toMatchObject({ size: 1, meters: 0 })
  expect(await registry('show')).toMatch(/3 of 4 weight decide/)
  expect(await json('events', '--from', '1')).toMatchObject({ size: 2, events: [{ index: 1, signers: ['authority-1'] }] })
  expect(await registry('events', '--limit', '1')).toMatch(/go on with --from 1/)
  expect((await runCli('registry', 'show', '--size', '9')).stderr).toMatch(/no governance at size 9/)
}, 60_000)

describe('an authority leaves', () => {
  const file = () => path('east-leaves')

  test('copies of the proposal are signed side by side, and merged', async () => {
    await registry('propose', 'remove-authority', 'authority-4', '--out', file())
    for (const n of [2, 3]) {
      copyFileSync(file(), path(`copy-${n}`))
      await registry('sign', path(`copy-${n}`), '--key-file', keyFile(n))
    }
    const early = await runCli('registry', 'check', file())
    expect(early).toMatchObject({
      code: 1,
      stdout: expect.stringMatching(/1 of 3 \(all together 4\) have signed, more must sign/),
    })
    expect((await runCli('registry', 'submit', file())).stderr).toMatch(/not enough have signed/)
    expect(await registry('merge', file(), path('copy-3'), path('copy-2'))).toMatch(/which is enough/)
    const checked = await json('check', file())
    expect(checked).toMatchObject({ counts: true, refused: null, signatures: { weight: 3 } })
    expect(checked.governance).toMatchObject({
      before: { totalWeight: 4, toleratedWeight: 1 },
      after: { totalWeight: 3, toleratedWeight: 0 },
    })
    expect(checked.turns[0].before).toHaveLength(4)
    expect(checked.turns[0].after).not.toContain('authority-4')
    const told = await registry('check', file(), '--heights', '1')
    expect(told).toMatch(/it would count if it were submitted now/)
    expect(told).toMatch(/authority-4.*weight 1.*changes/)
  }, 60_000)

  test('idle lanes seal an empty block at once, and whoever leaves votes until they did', async () => {
    await all.stop('validator', 1) // now three of four remain: without the vote of the one that leaves nothing becomes final
    const { size, lanes } = await json('submit', file(), '--wait')
    await readRegistry()
    expect(all.ledger.state.governanceAt(size).authorities.map(({ id }) => id)).not.toContain('authority-4')
    for (const lane of LANES) {
      const { finals } = await all.read(lane)
      const first = finals.find(({ header }) => header.registrySize === size)
      expect(first?.header).toMatchObject({ count: 0, height: BigInt(lanes[lane]) })
      expect(first && votersOf(first)).toEqual(['authority-2', 'authority-3', 'authority-4'])
    }
    await all.start('validator', 1)
    await Promise.all([all.stop('chainer', 4), all.stop('validator', 4)])
    for (const newest of await round()) expect(votersOf(newest)).toEqual(['authority-1', 'authority-2', 'authority-3'])
    const { history } = await json('show')
    expect(history.at(-1)).toMatchObject({
      summary: 'authority authority-4 leaves',
      signers: ['authority-1', 'authority-2', 'authority-3'],
    })
  }, 60_000)

  test('its stages are not started again where its key still lies', async () => {
    const runtime = await all.open('launcher')
    try {
      const ids = ['authority-1', 'authority-4', 'authority-5']
      expect(await findLeft(ids, runtime)).toEqual(['authority-4'])
      expect(await findLeft(['authority-1', 'authority-5'], runtime)).toEqual([])
    } finally {
      await runtime.stop()
    }
  }, 60_000)

  test('the same proposal counts once', async () => {
    expect((await runCli('registry', 'submit', file())).stderr).toMatch(/counts already/)
  }, 60_000)
})

test('an authority joins, and takes part', async () => {
  await Promise.all([all.start('chainer', 5), all.start('validator', 5)])
  await governed('west', [2, 3], 'add-authority', 'authority-5', hex(testAuthorityKey('authority-5').publicKey))
  await all.stop('validator', 1)
  const proposers = new Set<string>()
  for (let n = 0; n < 4; n++)
    for (const newest of await round()) {
      proposers.add(newest.header.proposer)
      expect(votersOf(newest)).toEqual(['authority-2', 'authority-3', 'authority-5'])
    }
  expect(proposers).toContain('authority-5')
  await all.start('validator', 1)
}, 90_000)

test('an authority’s key is replaced while its stages run, lane by lane', async () => {
  const next: AuthorityKey = { id: asAuthorityId('authority-3'), ...testKeyPair('authority-3 next') }
  writeKeyFile(keyFile('3-next'), next)
  all.nextKeys.set(3, next)
  for (const stage of ['chainer', 'validator'] as const) {
    await all.stop(stage, 3)
    await all.start(stage, 3)
  }
  const { newest } = await governed('key-of-3', [2, 3], 'rotate-authority-key', 'authority-3', hex(next.publicKey))
  expect(newest).toHaveLength(LANES.length)
  await all.stop('validator', 1)
  for (const each of await round()) expect(votersOf(each)).toEqual(['authority-2', 'authority-3', 'authority-5'])
  await all.start('validator', 1)
  await registry('propose', 'set-rules', '2', '--out', path('rules'))
  expect((await runCli('registry', 'sign', path('rules'), '--key-file', keyFile(3))).stderr).toMatch(
    /the registry has another one/,
  )
  expect(await registry('sign', path('rules'), '--key-file', keyFile('3-next'))).toMatch(/2 of 3/)
}, 90_000)

test('stakes and proof of stake: turns are those that the dry run said', async () => {
  const { size } = await governed('stake', [2, '3-next'], 'set-stake', 'authority-2', '5')
  expect(all.ledger.state.governanceAt(size).authorities.map(({ weight }) => weight)).toEqual([1, 5, 1, 1])
  await registry('propose', 'set-consensus', 'pos', '--out', path('pos'))
  await registry('sign', path('pos'), '--key-file', keyFile(2))
  const { turns, governance } = await json('check', path('pos'), '--heights', '6')
  expect(governance.after).toMatchObject({ consensus: 'pos', totalWeight: 8, neededWeight: 6 })
  await json('submit', path('pos'), '--wait')
  await readRegistry()
  const set = all.ledger.state.governanceAt(all.ledger.state.size)
  for (const { lane, height, after } of turns)
    expect(after).toEqual(turnOrder(set, { chainId: all.ledger.chainId, lane, height: BigInt(height) }))
  await Promise.all([1, 5].map((n) => all.stop('validator', n)))
  for (let n = 0; n < 3; n++) for (const newest of await round()) expect(votersOf(newest)).toEqual(['authority-2', 'authority-3'])
  await Promise.all([1, 5].map((n) => all.start('validator', n)))
  await governed('slash', [2], 'slash-stake', 'authority-2', '4', '--evidence', '11'.repeat(32), '22'.repeat(32))
  expect((await json('show')).totalWeight).toBe(4)
}, 120_000)

test('where too few vote, --wait ends with the lanes that lack a block; they have one as soon as enough vote', async () => {
  await Promise.all([1, 2].map((n) => all.stop('validator', n)))
  await registry('propose', 'set-consensus', 'poa', '--out', path('poa'))
  for (const n of [2, '3-next']) await registry('sign', path('poa'), '--key-file', keyFile(n))
  const { code, stderr } = await runCli('registry', 'submit', path('poa'), '--wait', '--timeout', '1')
  expect(code).toBe(1)
  expect(stderr).toMatch(/after 1 s lanes 0, 1 have no final block that names registry size \d+/)
  await readRegistry()
  await Promise.all([1, 2].map((n) => all.start('validator', n)))
  const { size } = all.ledger.state
  for (const lane of LANES) await all.untilFinal(lane, 'a block of the new state', ({ registrySize }) => registrySize === size)
  expect(await json('show')).toMatchObject({ consensus: 'poa', size })
}, 90_000)

test('a tariff that is published stands in the registry’s rows', async () => {
  const plan = {
    ...{ version: 1, kind: 'interval-plan', currency: 'GBP', decimals: 2, priceScaler: -4, standing: 2500 },
    measures: '1-0:1.8.0*255',
    zones: [7, 15].map((pence) => ({ name: `${pence} pence`, price: pence * 100 })),
    ...{ schedule: [{ zone: 1, hours: { from: '07:00', to: '00:00' } }], holidays: [], signal: false },
  }
  const document = JSON.stringify(plan)
  writeFileSync(path('economy-7'), JSON.stringify(plan, null, 2))
  await registry(
    'propose',
    'publish-tariff',
    'economy-7',
    path('economy-7'),
    '--valid-from',
    '2027-01-01',
    '--out',
    path('tariff'),
  )
  for (const n of [2, '3-next']) await registry('sign', path('tariff'), '--key-file', keyFile(n))
  const { size, isGovernance } = await json('submit', path('tariff'))
  expect(isGovernance).toBe(false)
  expect(await json('events', '--kind', 'PublishTariff')).toMatchObject({
    events: [{ index: size - 1, content: { plan: 'economy-7', validFrom: 1798761600, document } }],
  })
  const database = await createTestDatabase()
  const failed: Error[] = []
  const logger = pino({ level: 'silent' })
  const config = { ...all.config, projectorPort: 0, queryPort: 0 }
  const onFatal = (error: Error) => void failed.push(error)
  const runtime = await openRuntime({ name: 'projector', signs: false }, config, logger, onFatal)
  const projector = await startProjector({ ...runtime, databaseUrl: database.writerUrl })
  const client = new pg.Client({ connectionString: database.writerUrl })
  try {
    await round() // a block that names the event: its rows are there before those of the block
    await projector.caughtUp()
    await client.connect()
    const { rows } = await client.query('SELECT event_index, record FROM ledger.registry_events WHERE kind = $1', [
      'PublishTariff',
    ])
    expect(rows.map(({ event_index, record }) => [Number(event_index), decodeRegistryEvent(record)?.body.content])).toMatchObject(
      [[size - 1, { document }]],
    )
    expect(failed).toEqual([])
  } finally {
    await client.end()
    await projector.stop()
    await runtime.stop()
    await database.drop()
  }
}, 90_000)

describe('a meter', () => {
  const meterKey: AuthorityKey = { id: asAuthorityId('meter-1'), ...testKeyPair('meter-1') }
  const next = testKeyPair('meter-1 next')

  test('gets another key by its own signature, and another usage point by one authority', async () => {
    const own = ['--key-file', writeKeyFile(path('meter-1-key'), meterKey), '--as-meter']
    await registry(
      'propose',
      'rotate-meter-key',
      'meter-1',
      hex(next.publicKey),
      '--from-sequence',
      '40',
      '--out',
      path('meter-key'),
      ...own,
    )
    const told = await registry('check', path('meter-key'))
    expect(told).toMatch(/signed by the meter\n/)
    expect(told).toMatch(new RegExp(`${hex(next.publicKey)} from sequence 40`))
    await registry('submit', path('meter-key'))
    const place = ['--point', 'p-2', '--zone', 'Europe/London', '--plan', 'economy-7', '--valid-from', '2027-01-01T00:00:00Z']
    await registry('propose', 'assign-usage-point', 'meter-1', ...place, '--out', path('point'))
    await registry('submit', path('point'), '--wait')
    await registry(
      'propose',
      'reset-meter',
      'meter-1',
      '--sequence',
      '20',
      '--previous',
      '00'.repeat(32),
      '--out',
      path('reset'),
      '--no-sign',
    )
    expect((await runCli('registry', 'sign', path('reset'), ...own)).stderr).toMatch(/is not the present key of the meter/)
    await registry('propose', 'retire-meter', 'meter-1', '--from-sequence', '60', '--out', path('retire'))
    await registry('submit', path('retire'))
    const facts = await json('meter', 'meter-1')
    expect(facts).toMatchObject({
      number: 1,
      keys: [{ fromSequence: 0 }, { fromSequence: 40, key: hex(next.publicKey) }],
      resets: [],
      retired: [{ fromSequence: 60 }],
    })
    expect(facts.assignments.at(-1)).toMatchObject({ validFrom: 1798761600, usagePoint: { id: 'p-2', plan: 'economy-7' } })
    expect(await registry('meter', 'meter-1')).toMatch(/retired.*from sequence 60/)
    expect((await runCli('registry', 'meter', 'stranger')).stderr).toMatch(/meter stranger is not enrolled/)
  }, 90_000)
})

describe('refused, in words', () => {
  const refused = async (...args: string[]) => {
    const { code, stderr } = await runCli('registry', ...args)
    expect(code).toBe(1)
    return stderr
  }

  test('what the rules forbid is not even written to a file', async () => {
    const out = ['--out', path('refused')]
    expect(await refused('propose', 'remove-authority', 'nobody', ...out)).toMatch(/unknown-authority: nobody/)
    expect(await refused('propose', 'set-consensus', 'poa', ...out)).toMatch(/no-change/)
    expect(await refused('propose', 'new-source-epoch', '9', ...out)).toMatch(/bad-lane: 9/)
    expect(await refused('propose', 'add-authority', 'x', '02'.repeat(32), ...out)).toMatch(/bad-key/)
    expect(await refused('propose', 'add-authority', 'x', 'zz', ...out)).toMatch(/not 64 hexadecimal digits/)
    expect(await refused('propose', 'set-stake', 'authority-1', '-1', ...out)).toMatch(/unknown option|not a whole number/)
    writeFileSync(path('no-tariff'), '{')
    expect(await refused('propose', 'publish-tariff', 'p', path('no-tariff'), '--valid-from', '2027-01-01', ...out)).toMatch(
      /is not JSON/,
    )
    expect(await refused('propose', 'publish-tariff', 'p', path('no-tariff'), '--valid-from', 'soon', ...out)).toMatch(
      /'soon' is invalid\. expected a date of the calendar/,
    )
    writeFileSync(path('no-tariff'), '{"version":1,"kind":"signal","step":0,"zones":"1"}')
    expect(await refused('propose', 'publish-tariff', 'p', path('no-tariff'), '--valid-from', '2027-01-01', ...out)).toMatch(
      /is no tariff: bad-form: step/,
    )
    expect(await refused('propose', 'publish-time-zone', 'Europe/Nowhere', ...out)).toMatch(/Europe\/Nowhere/)
    expect(() => readFileSync(path('refused'))).toThrow(/ENOENT/)
    await registry(
      'propose',
      'publish-time-zone',
      'Europe/London',
      '--from-year',
      '2013',
      '--to-year',
      '2013',
      '--out',
      path('london'),
    )
    const { content } = JSON.parse(readFileSync(path('london'), 'utf8'))
    expect(content).toMatchObject({ kind: 'PublishTariff', plan: 'Europe/London', validFrom: 0 })
    expect(JSON.parse(content.document).transitions).toEqual([
      [Date.UTC(2013, 2, 31, 1) / 1000, 3600],
      [Date.UTC(2013, 9, 27, 1) / 1000, 0],
    ])
  }, 60_000)

  test('a file is not overwritten, a stranger cannot sign, and an altered file is not signed', async () => {
    await registry('propose', 'new-source-epoch', '1', '--out', path('epoch'))
    expect(await refused('propose', 'new-source-epoch', '1', '--out', path('epoch'))).toMatch(/exists already/)
    expect(await refused('sign', path('epoch'), '--key-file', keyFile(4))).toMatch(/authority-4 cannot sign: it is no authority/)
    writeFileSync(path('junk'), '{')
    expect(await refused('check', path('junk'))).toMatch(/it is not a proposal/)
    const text = readFileSync(path('epoch'), 'utf8')
    writeFileSync(path('altered'), text.replace('"epoch": 1', '"epoch": 2'))
    expect(await refused('sign', path('altered'))).toMatch(/it was altered/)
    writeFileSync(
      path('altered'),
      text.replace(/("signature": ")(..)/, (_, head, digits) => `${head}${digits === '00' ? '11' : '00'}`),
    )
    expect(await refused('sign', path('altered'), '--key-file', keyFile(2))).toMatch(/a signature of authority-1 does not hold/)
    expect(await registry('check', path('epoch')).catch(String)).toMatch(/source epoch of lane 1/)
    expect(await refused('merge', path('epoch'), path('rules'))).toMatch(/different proposals/)
  }, 60_000)

  test('commands that run at once have a store each, and there is a bound to that', async () => {
    const home = join(folder, 'operator')
    const other = readFileSync(`/proc/${process.ppid}/stat`, 'utf8') + readFileSync(BOOT_ID_FILE, 'utf8')
    const claims = ['', '-2', '-3', '-4', '-5', '-6', '-7', '-8'].map((slot) => pidFile(home, `registry-command${slot}-store`))
    for (const claim of claims.slice(0, 1)) writeFileSync(claim, other)
    expect(await json('show')).toMatchObject({ meters: METERS.length })
    expect(existsSync(join(home, 'state', 'registry-command-2'))).toBe(true)
    for (const claim of claims) writeFileSync(claim, other)
    expect(await refused('show')).toMatch(/8 commands of one kind \(registry-command\) run/)
    for (const claim of claims) rmSync(claim)
    await registry('show')
    expect(claims.filter((claim) => existsSync(claim))).toEqual([])
  }, 60_000)

  test('each command says how it is called', async () => {
    for (const args of [['registry'], ['registry', 'propose'], ['registry', 'propose', 'add-authority'], ['registry', 'check']])
      expect((await runCli(...args, '--help')).stdout).toMatch(/Usage: meterchain registry/)
    expect((await runCli('registry', 'propose', 'set-rules', '2')).stderr).toMatch(/--out <file>/)
  })
})

test('after all that, every authority keeps the same, and the logs verify from the genesis on', async () => {
  await readRegistry()
  await round()
  const tips = await Promise.all(LANES.map(async (lane) => (await all.read(lane)).state.final))
  const running = [1, 2, 3, 5]
  const kept = await Promise.all(
    running.map(async (n) => {
      await all.untilReady('validator', n)
      await all.stop('validator', n)
      return all.kept(n, METERS)
    }),
  )
  for (const each of kept) {
    expect(each.positions.map((position) => position?.final)).toEqual(tips)
    expect(each).toEqual(kept[0])
  }
  await saveGenesis(path('genesis'), all.ledger.genesis)
  const { code, stdout, stderr } = await runCli('verify', '--json', '--genesis', path('genesis'))
  expect({ code, stderr: code === 0 ? '' : stderr + stdout }).toEqual({ code: 0, stderr: '' })
  const { totals } = JSON.parse(stdout)
  expect(totals.counted).toBe([...meters.values()].reduce((sum, { sequence }) => sum + sequence, 0))
}, 90_000)
