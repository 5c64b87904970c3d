/** Meters that do what no meter should: each fault has a meter of its own. Healed is when the door's head of that meter names the last
 *  reading that is right, with no gap before it. */
import { setTimeout as pause } from 'node:timers/promises'
import { hex } from '../../schemas/bytes.js'
import { sha256 } from '../../schemas/hash.js'
import { leafHash } from '../../schemas/merkle.js'
import { loadGenesis } from '../registry/genesis.js'
import { genesisPath } from '../system/genesis-file.js'
import { testMeter } from '../testing/registry.js'
import { SignedMeter } from '../testing/signed-meters.js'
import { until } from '../testing/until.js'
import { withDatabase } from '../testing/whole-system.js'
import { byAllAuthorities } from './governance.js'
import { type Fault, type World, withTables } from './world.js'

const MINUTE = 60_000
const MONTH_HOURS = 31 * 24
const MOST_IN_A_REQUEST = 200
/** After which a meter sends again what does not count. */
const AGAIN_MILLIS = 1_000

/** Resolves when the door has acknowledged each of them. */
async function send({ sender }: World, entries: readonly Buffer[]): Promise<void> {
  for (let at = 0; at < entries.length; at += MOST_IN_A_REQUEST) {
    const some = entries.slice(at, at + MOST_IN_A_REQUEST)
    await until('the door takes the readings', MINUTE, async () => {
      const { refusals } = await sender.door.send(some)
      const wrong = refusals.find(({ fault }) => fault !== 'unknown-meter')
      if (wrong !== undefined) throw new Error(`the door refuses a reading: ${wrong.fault}, ${wrong.detail}`)
      return refusals.length === 0 // else the door has not read of the meter yet
    })
  }
}

/** Sends what must count in the end. */
function sendRight(world: World, entries: readonly Buffer[]): Promise<void> {
  for (const entry of entries) world.promised.add(hex(leafHash(entry)))
  return send(world, entries)
}

async function headOf({ sender }: World, meter: string) {
  const { heads } = await sender.door.heads([meter])
  return heads[0]
}

/** Whether what counts of the meter ends with its newest reading. */
async function isWhole(world: World, { id, sequence, previous }: SignedMeter): Promise<boolean> {
  const head = await headOf(world, id)
  return head !== undefined && head.sequence === sequence && head.hash === hex(previous) && head.gaps.length === 0
}

async function untilWhole(world: World, meter: SignedMeter): Promise<void> {
  const what = `all ${meter.sequence} readings of ${meter.id} count`
  await until(
    what,
    MINUTE,
    () => isWhole(world, meter),
    () => headOf(world, meter.id),
  )
}

const some = (meter: SignedMeter, count: number): Buffer[] => Array.from({ length: count }, () => meter.next())

interface Misbehaviour {
  /** The meter that goes on in the end. */
  readonly meter: SignedMeter
  readonly told: string
  /** What beyond its head has to be seen. */
  isHealed?(): Promise<boolean>
}

const meterFault = (
  kind: string,
  meaning: string,
  misbehave: (world: World, meter: SignedMeter, chainId: Buffer) => Promise<Misbehaviour>,
): Fault => ({
  kind,
  meaning,
  inject: async (world) => {
    const { chainId } = await loadGenesis(genesisPath(world.config.home))
    const fresh = new SignedMeter(`${kind}-${world.random.below(2 ** 32).toString(16)}`, chainId)
    await world.sender.enrol([testMeter(fresh.id)])
    const { meter, told, isHealed = async () => true } = await misbehave(world, fresh, chainId)
    const at = Date.now()
    return { told: `${meter.id}: ${told}`, at, isHealed: async () => (await isWhole(world, meter)) && isHealed() }
  },
})

export const meterLoses = meterFault(
  'meter-loses',
  'a meter loses readings on their way: until it was asked for them, has sent them again, and all count',
  async (world, meter) => {
    await sendRight(world, some(meter, 1 + world.random.below(3)))
    const lost = some(meter, 1 + world.random.below(5))
    await sendRight(world, some(meter, 1))
    const told = (status: string) => async () =>
      withTables(world, async (client) => {
        const { rows } = await client.query(
          `SELECT FROM analytics.repairs WHERE kind = 'resend' AND subject = $1 AND ${status}`,
          [meter.id],
        )
        return rows.length > 0
      })
    await until(`${meter.id} is asked to send again`, MINUTE, told('requested_at IS NOT NULL'))
    await sendRight(world, lost)
    return { meter, told: `${lost.length} readings`, isHealed: told(`status = 'completed'`) }
  },
)

export const meterRepeats = meterFault(
  'meter-repeats',
  'a meter sends each reading several times: each counts once',
  async (world, meter) => {
    const entries = some(meter, 4)
    const times = 2 + world.random.below(3)
    for (let time = 0; time < times; time++) await sendRight(world, time % 2 === 0 ? entries : entries.toReversed())
    return { meter, told: `${entries.length} readings ${times} times` }
  },
)

export const meterReorders = meterFault(
  'meter-reorders',
  'a meter sends its readings out of order, and again what does not count: until all count',
  async (world, meter) => {
    const entries = some(meter, 3 + world.random.below(6))
    const order = world.random.shuffled(entries)
    for (const entry of order) await sendRight(world, [entry])
    const isOnItsWay = async () => {
      await pause(AGAIN_MILLIS)
      if (await isWhole(world, meter)) return true
      await send(world, entries)
      return false
    }
    await until(`all readings of ${meter.id} count`, MINUTE, isOnItsWay, () => headOf(world, meter.id))
    return { meter, told: order.map((entry) => entries.indexOf(entry) + 1).join(' ') }
  },
)

/** Whether each of these was judged, and does not count. Throws where one does. */
async function noneCounts({ config }: World, entries: readonly Buffer[]): Promise<boolean> {
  const leaves = [entries.map(leafHash)]
  return withDatabase(config, 'writer', async (client) => {
    const { rows } = await client.query('SELECT meter, sequence FROM store.readings WHERE leaf = ANY ($1)', leaves)
    if (rows.length > 0)
      throw new Error(`a reading counts beside another of the same meter and sequence: ${JSON.stringify(rows)}`)
    const judged = await client.query('SELECT DISTINCT leaf FROM store.rejections WHERE leaf = ANY ($1)', leaves)
    return judged.rows.length === entries.length
  })
}

export const meterForks = meterFault(
  'meter-forks',
  'a meter signs two readings with one sequence: the first in the log counts, and the branch of the other ends there',
  async (world, meter, chainId) => {
    await sendRight(world, some(meter, 1 + world.random.below(3)))
    const { sequence, previous } = meter
    const fork = Object.assign(new SignedMeter(meter.id, chainId), { sequence, previous })
    await sendRight(world, some(meter, 1))
    const branch = [fork.next({ sentAt: 1 }), fork.next()]
    await send(world, branch)
    await sendRight(world, some(meter, 2))
    return { meter, told: `at sequence ${sequence + 1}`, isHealed: () => noneCounts(world, branch) }
  },
)

export const meterCloned = meterFault(
  'meter-cloned',
  'two devices have one key: the one that the log took first goes on, and nothing of the other counts',
  async (world, meter, chainId) => {
    const clone = new SignedMeter(meter.id, chainId)
    await sendRight(world, some(meter, 2))
    await untilWhole(world, meter)
    const cloned = Array.from({ length: 3 }, (_, index) => clone.next({ sentAt: index + 1 }))
    for (const entry of world.random.shuffled(cloned)) {
      await send(world, [entry])
      await sendRight(world, some(meter, 1))
    }
    return { meter, told: `${cloned.length} readings of a clone`, isHealed: () => noneCounts(world, cloned) }
  },
)

export const meterLostItsDisk = meterFault(
  'meter-lost-its-disk',
  'a meter lost its disk and begins at 1 again, which does not count: until a reset lets it go on',
  async (world, meter, chainId) => {
    await sendRight(world, some(meter, 3))
    await untilWhole(world, meter)
    const empty = new SignedMeter(meter.id, chainId)
    const lost = Array.from({ length: 3 }, (_, index) => empty.next({ sentAt: index + 1 }))
    await send(world, lost)
    const sequence = 100 + world.random.below(100)
    const previous = sha256(Buffer.from(`the new disk of ${meter.id}`))
    await byAllAuthorities(world, () => [{ kind: 'ResetMeter', meter: meter.id, sequence, previous }])
    const after = Object.assign(new SignedMeter(meter.id, chainId), { sequence: sequence - 1, previous })
    await until(
      `${meter.id} is reset`,
      MINUTE,
      () => isWhole(world, after),
      () => headOf(world, meter.id),
    )
    await sendRight(world, some(after, 2))
    return { meter: after, told: `goes on at ${sequence}`, isHealed: () => noneCounts(world, lost) }
  },
)

export const meterAway = meterFault(
  'meter-away',
  'a meter comes back after a month, some of its clock’s times years old and some to come: each hour counts once',
  async (world, meter) => {
    await sendRight(world, some(meter, 1))
    const ahead = Date.now() + world.random.below(2 ** 40)
    const month = Array.from({ length: MONTH_HOURS }, (_, hour) => meter.next(hour % 50 === 7 ? { sentAt: ahead } : {}))
    await sendRight(world, month)
    return { meter, told: `${month.length} readings` }
  },
)
