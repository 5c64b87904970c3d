import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { sign } from '../infra/crypto/sodium.js'
import { readLog } from '../infra/kafka/log-reader.js'
import { Authorities } from '../infra/testing/authorities.js'
import { testAuthorityKey } from '../infra/testing/registry.js'
import { until } from '../infra/testing/until.js'
import { verdictHash, voteMessage } from '../schemas/lane-fold.js'
import { decodeRepair, encodeSignedVote, encodeVote, type NotCounted, type Repair } from '../schemas/records.js'

let all: Authorities
let port: number
beforeAll(async () => {
  all = await Authorities.open({ authorities: 4, lanes: 1, meters: 1 })
  const [, validator] = await Promise.all([all.start('chainer'), all.start('validator')])
  port = validator.port
}, 60_000)
afterAll(() => all.close(), 60_000)

/** Waits until authority 1 has accepted the one candidate; the others then accept it with this verdict. */
async function othersDecide(notCounted: NotCounted[]): Promise<void> {
  const { candidate, final } = await until('a candidate that authority 1 accepts', 30_000, async () => {
    const { state } = await all.read(0)
    const candidate = state.candidates.find(({ ballots }) => ballots.has('authority-1'))
    return candidate !== undefined && { candidate, final: state.final }
  })
  for (const authority of ['authority-2', 'authority-3', 'authority-4']) {
    const judgement = { kind: 'accept', verdictHash: verdictHash(final.verdictHash, notCounted), notCounted } as const
    const vote = encodeVote({ lane: 0, height: final.height + 1n, block: candidate.hash, authority, judgement })
    const signature = sign(voteMessage(all.ledger.chainId, vote), testAuthorityKey(authority).secretKey)
    await all.append('chain', 0, encodeSignedVote(vote, signature))
  }
}

async function told(): Promise<Repair[]> {
  const events: Repair[] = []
  const part = { topicPrefix: all.config.topicPrefix, topic: 'repairs', partition: 0, from: 0n } as const
  for await (const { value } of readLog({ kafka: all.kafka, ...part })) events.push(...[decodeRepair(value) ?? []].flat())
  return events.filter(({ fault }) => fault === 'other-verdict')
}

const ready = () => fetch(`http://127.0.0.1:${port}/readyz`)

test('an authority whose verdict is not the final one goes on with that, says so, and says when they agree again', async () => {
  const meter = all.meter('meter-1')
  await all.send(0, [meter.next()])
  await othersDecide([{ entry: 0, code: 5 }])
  await until('told', 30_000, async () => (await told()).length === 1)
  expect(await told()).toMatchObject([{ kind: 'rebuild', status: 'requested', by: 'authority-1', lane: 0 }])
  const refused = await until('not ready', 10_000, async () => {
    const answer = await ready()
    return answer.status === 503 && (await answer.text())
  })
  expect(refused).toContain('lane 0 since height 1')
  const metrics = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text()
  expect(metrics).toMatch(/meterchain_verdict_differences_total\{[^}]*\} 1/)

  // started again it still has to show that it finds what is final
  await all.stop('validator')
  port = (await all.start('validator')).port
  await until('not ready', 10_000, async () => (await (await ready()).text()).includes('lane 0 since height 1'))

  // a gap for everybody: the first reading does not count
  await all.send(0, [meter.next()])
  await othersDecide([])
  await until('told that they agree', 30_000, async () => (await told()).length === 2)
  expect((await told())[1]).toMatchObject({ status: 'completed', id: 'rebuild/verdict/authority-1/0/1' })
  expect((await ready()).status).toBe(200)
  expect(all.fatal).toEqual([])
}, 90_000)
