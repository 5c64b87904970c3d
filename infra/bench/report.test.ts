import { describe, expect, test } from '@jest/globals'
import type { Measured } from './measure.js'
import { type BenchResult, cpuByProcess, cpuByStage, processTable, rateTable, resultJson, scalingTable } from './report.js'

const MIB = 1024 * 1024
const measured = (messages: number, seconds: number, cpuMicros: number): Measured => ({
  ...{ messages, seconds, messagesPerSecond: messages / seconds, intervalsPerSecond: (4 * messages) / seconds, blocks: 12 },
  usage: [
    { name: 'ingest', spent: { cpuMicros, maxAnonBytes: 100 * MIB } },
    { name: 'kafka', spent: undefined },
    { name: 'sender', spent: { cpuMicros: cpuMicros / 2, maxAnonBytes: messages * 1024 } },
  ],
  finalMillis: { p50: 250.4, p99: 400 },
  visibleMillis: { p50: 300, p99: 500.6 },
})
const RESULT: BenchResult = { batches: measured(60_000, 20, 6e6), single: measured(3_000, 6, 1.5e6), verifyPerSecond: 10_000 }

describe('the report', () => {
  test('divides CPU by messages, and leaves out who runs elsewhere', () => {
    expect(cpuByProcess(RESULT.batches)).toEqual([
      ['ingest', 100],
      ['sender', 50],
    ])
  })

  test('has a row a process, with the higher memory of both measurements, and says who runs elsewhere', () => {
    const table = processTable(RESULT)
    expect(table).toMatch(/ingest +│ 100 µs +│ 500 µs +│ 100 MiB/)
    expect(table).toMatch(/kafka +│ elsewhere +│ elsewhere/)
    expect(table).toMatch(/sender +│ 50 µs +│ 250 µs +│ 59 MiB/)
    expect(table).toMatch(/all +│ 150 µs +│ 750 µs/)
  })

  test('names both rates beside the calibration', () => {
    const table = rateTable(RESULT)
    expect(table).toMatch(/messages\/s +│ 3000 +│ 500/)
    expect(table).toMatch(/from 202 to visible \(p50, p99\) +│ 300 ms, 501 ms/)
    expect(table).toMatch(/messages\/s ÷ checks\/s +│ 0.300 +│ 0.050/)
  })

  test('ends in one line of JSON', () => {
    const line = resultJson(RESULT)
    expect(line).not.toContain('\n')
    expect(JSON.parse(line)).toMatchObject({
      ...{ messagesPerSecond: 3_000, intervalsPerSecond: 12_000, verifyPerSecond: 10_000, ratio: 0.3 },
      ...{ final: { p50: 250, p99: 400 }, cpu: { ingest: 100, sender: 50 }, cpuTotal: 150 },
      single: { messages: 3_000, messagesPerSecond: 500, ratio: 0.05, visible: { p50: 300, p99: 501 } },
    })
  })

  test('says null where nothing was followed, which is no number', () => {
    const none = { p50: undefined, p99: undefined }
    const batches = { ...RESULT.batches, finalMillis: none, visibleMillis: none }
    expect(JSON.parse(resultJson({ ...RESULT, batches })).final).toEqual({ p50: null, p99: null })
    expect(rateTable({ ...RESULT, batches })).toContain('NaN ms')
  })

  describe('of several authorities', () => {
    const spent = (micros: number) => ({ cpuMicros: micros * 60_000, maxAnonBytes: MIB })
    const usage = [
      { name: 'ingest', spent: spent(110) },
      { name: 'chainer-authority-1', spent: spent(20) },
      { name: 'validator-authority-1', spent: spent(90) },
      { name: 'validator-authority-2', spent: spent(110) },
      { name: 'postgres', spent: undefined },
      { name: 'sender', spent: spent(50) },
    ]
    const result = { ...RESULT, batches: { ...RESULT.batches, usage } }
    const one = { ...RESULT.batches, usage: [...RESULT.batches.usage, { name: 'validator', spent: spent(100) }] }
    const shared = { authorities: 2, result }

    test('adds up what is one stage', () => {
      expect(Object.fromEntries(cpuByStage(result.batches))).toEqual({ ingest: 110, chainer: 20, validator: 200, sender: 50 })
    })

    test('says how many times the one authority’s CPU it is, by stage and in all', () => {
      const table = scalingTable({ ...RESULT, batches: one }, shared)
      expect(table).toMatch(/validator +│ 100 µs +│ 200 µs +│ 2.00/)
      expect(table).toMatch(/all +│ 250 µs +│ 380 µs +│ 1.52/)
      const json = JSON.parse(resultJson({ ...RESULT, batches: one }, [shared]))
      expect(json.shared).toMatchObject([
        { authorities: 2, cpu: { 'validator-authority-2': 110 }, timesOne: { all: 1.52, validator: 2, ingest: 1.1 } },
      ])
    })
  })
})
