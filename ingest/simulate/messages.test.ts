import { expect, test } from '@jest/globals'
import { sha256 } from '../../schemas/hash.js'
import type { Message } from '../meter/meter-store.js'
import { householdExport, householdLoad } from './load.js'
import { messages, type Simulation, simulatedMeter, simulatedPoint } from './messages.js'

const HOUR = 3_600
const DAY = 24 * HOUR
const FROM = Date.parse('2024-01-15T00:00:00Z') / 1000
const plan: Simulation = { seed: 7, households: 20, from: FROM, hours: 3 }

const textOf = (all: Iterable<Message>) =>
  JSON.stringify([...all], (_key, value) => (value?.type === 'Buffer' ? Buffer.from(value.data).toString('hex') : value))

const HOUSEHOLDS = 40

/** Watt-hours of so many households in the hours of these days. */
function energy(days: readonly string[], hours: readonly number[]): number {
  let sum = 0
  for (const day of days)
    for (const hour of hours)
      for (let number = 1; number <= HOUSEHOLDS; number++)
        sum += householdLoad(1, number, Date.parse(day) / 1000 + hour * HOUR, HOUR)
  return sum
}

test('the same seed gives the same readings, on every machine and in every release; another seed gives others', () => {
  const full = { ...plan, withRegister: true, withExport: true }
  expect(textOf(messages(full))).toBe(textOf(messages(full)))
  expect(textOf(messages({ ...full, seed: 8 }))).not.toBe(textOf(messages(full)))
  expect(sha256(Buffer.from(textOf(messages(full)))).toString('hex')).toBe(
    'b8fff3c0207990ea768abcf1722e16a2e0a88a0bc66359527c54a67e233c5ae1',
  )
})

test('any part of a simulation can be made alone', () => {
  const whole = [...messages(plan)]
  const second = [...messages({ ...plan, from: FROM + HOUR, hours: 1 })]
  expect(textOf(second)).toBe(textOf(whole.slice(20, 40)))
  const few = [...messages({ ...plan, households: 5, hours: 1 })]
  expect(textOf(few)).toBe(textOf(whole.slice(0, 5)))
})

test('each household sends one message an hour, of intervals that fill it, soon after its end', () => {
  const all = [...messages(plan)]
  expect(all).toHaveLength(60)
  all.forEach(({ meter, content: { sentAt, profiles, registers } }, index) => {
    const start = FROM + Math.floor(index / 20) * HOUR
    expect(meter).toBe(simulatedMeter((index % 20) + 1, 7))
    expect(profiles).toMatchObject([{ start, step: 900, unit: 30, scaler: 0 }])
    expect(profiles[0]?.values).toHaveLength(4)
    expect(profiles[0]?.values.every((value) => Number.isInteger(value) && value >= 0)).toBe(true)
    expect(sentAt - (start + HOUR) * 1000).toBeGreaterThanOrEqual(0)
    expect(sentAt - (start + HOUR) * 1000).toBeLessThan(120_000)
    expect(registers).toEqual([])
  })
})

test('a register rises by what the intervals say', () => {
  const values = new Map<string, number>()
  for (const { meter, content } of messages({ ...plan, withRegister: true })) {
    const value = content.registers?.[0]?.value ?? -1
    const before = values.get(meter)
    const taken = content.profiles[0]?.values.reduce((sum, each) => sum + each, 0) ?? 0
    if (before !== undefined) expect(value).toBe(before + taken)
    values.set(meter, value)
  }
  expect(values.size).toBe(20)
})

test('only roofs give to the grid, in the day, and then nothing is taken', () => {
  const noon = Date.parse('2024-06-20T12:00:00Z') / 1000
  const giving = Array.from({ length: 300 }, (_, i) => i + 1).filter((number) => householdExport(1, number, noon, 900) > 0)
  expect(giving.length).toBeGreaterThan(5)
  expect(giving.length).toBeLessThan(60)
  for (const number of giving) {
    expect(householdLoad(1, number, noon, 900)).toBe(0)
    expect(householdExport(1, number, noon - DAY / 2, 900)).toBe(0)
  }
  const sent = [...messages({ seed: 1, households: 300, from: noon, hours: 1, withExport: true })]
  const profilesOf = (number: number) => sent[number - 1]?.content.profiles.length
  expect(profilesOf(giving[0] ?? 0)).toBe(2)
  expect(sent.filter(({ content }) => content.profiles.length === 2).length).toBeLessThan(60)
})

test('the shape is plausible: evenings above nights, winters above summers, some MWh a household and year', () => {
  const winter = ['2024-01-15', '2024-01-17', '2024-01-20']
  expect(energy(winter, [18, 19])).toBeGreaterThan(1.8 * energy(winter, [2, 3]))
  const hours = Array.from({ length: 24 }, (_, hour) => hour)
  const summer = ['2024-07-15', '2024-07-17', '2024-07-20']
  expect(energy(winter, hours)).toBeGreaterThan(1.15 * energy(summer, hours))
  const year = ['2024-01-15', '2024-04-15', '2024-07-15', '2024-10-15']
  const kwhOfYear = (energy(year, hours) / HOUSEHOLDS / 1000 / year.length) * 365
  expect(kwhOfYear).toBeGreaterThan(2_000)
  expect(kwhOfYear).toBeLessThan(7_000)
})

test('points lie on feeders of 50, in four regions; what is no hour is refused', () => {
  expect(simulatedPoint(1)).toEqual({
    id: 'point-000001',
    zone: 'Europe/London',
    feeder: 'feeder-1',
    region: 'north',
    plan: 'flat',
  })
  expect(simulatedPoint(51, 'Asia/Kolkata')).toMatchObject({ zone: 'Asia/Kolkata', feeder: 'feeder-2', region: 'east' })
  expect(simulatedPoint(201).region).toBe('north')
  expect(() => [...messages({ ...plan, from: FROM + 1 })]).toThrow('is no whole hour')
  expect(() => [...messages({ ...plan, step: 1_000 })]).toThrow('does not divide one')
})

test('households of another seed are others: their meters and usage points have other ids', () => {
  expect([simulatedMeter(7), simulatedMeter(7, 1), simulatedMeter(7, 2)]).toEqual(['sim-000007', 'sim-000007', 'sim-2-000007'])
  expect(simulatedPoint(7, undefined, 2).id).toBe('point-2-000007')
  const [message] = messages({ seed: 2, households: 1, from: 1_735_689_600, hours: 1 })
  expect(message?.meter).toBe('sim-2-000001')
})
