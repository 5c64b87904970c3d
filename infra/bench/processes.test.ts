import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import { parseAnonBytes, parsePeakBytes, parseStat, readProcesses, treeOf, usageOf } from './processes.js'

const line = (pid: number, name: string, parent: number, times: string) =>
  `${pid} (${name}) S ${parent} 1 1 0 -1 4194304 105 0 0 0 ${times} 20 0 1 0 202514 2654208 349`

describe('a line of /proc/PID/stat', () => {
  test('gives user and system time, with that of children that have ended, in µs', () => {
    expect(parseStat(line(42, 'node', 7, '300 20 5 1'))).toEqual({ pid: 42, parent: 7, cpuMicros: 3_260_000 })
  })

  test('may hold a name with spaces, parentheses and digits', () => {
    expect(parseStat(line(42, 'a (b) R 9 9', 7, '1 0 0 0'))).toEqual({ pid: 42, parent: 7, cpuMicros: 10_000 })
  })

  test.each(['', '42 (node) S', 'Name: node'])('is told apart from anything else: %j', (text) => {
    expect(() => parseStat(text)).toThrow(RangeError)
  })
})

describe('/proc/PID/status', () => {
  test('gives the memory that no file stands behind', () => {
    expect(parseAnonBytes('Name:\tnode\nVmRSS:\t  900 kB\nRssAnon:\t  512 kB\nRssFile:\t 388 kB\n')).toBe(524_288)
  })

  test('gives the most that it ever had', () => {
    expect(parsePeakBytes('Name:\tnode\nVmPeak:\t 9000 kB\nVmHWM:\t  1024 kB\nVmRSS:\t  900 kB\n')).toBe(1_048_576)
  })

  test('of a thread of the kernel has none', () => {
    for (const parse of [parseAnonBytes, parsePeakBytes]) expect(parse('Name:\tkthreadd\nState:\tS (sleeping)\n')).toBe(0)
  })
})

describe('a process with all that descends from it', () => {
  const stat = (pid: number, parent: number, cpuMicros = 0) => ({ pid, parent, cpuMicros })

  test('is found over generations, whatever the order, and holds no stranger', () => {
    const processes = [stat(4, 3), stat(3, 2), stat(2, 1), stat(5, 2), stat(9, 1)]
    expect(treeOf(2, processes).sort()).toEqual([2, 3, 4, 5])
  })

  test('has their time together', () => {
    expect(usageOf(2_000_000_002, [stat(2_000_000_002, 1, 30), stat(2_000_000_003, 2_000_000_002, 12)]).cpuMicros).toBe(42)
  })

  test('that has ended is said, not counted as idle', () => {
    expect(() => usageOf(2, [stat(1, 0)])).toThrow('process 2 has ended')
  })

  test('is this one with its child, as the kernel tells', async () => {
    const child = spawn('cat')
    await once(child, 'spawn')
    const processes = readProcesses()
    expect(treeOf(process.pid, processes)).toEqual(expect.arrayContaining([process.pid, child.pid]))
    expect(usageOf(process.pid, processes).anonBytes).toBeGreaterThan(1_000_000)
    child.stdin.end()
    await once(child, 'exit')
  })
})
