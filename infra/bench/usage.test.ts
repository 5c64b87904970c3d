import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { describe, expect, test } from '@jest/globals'
import { UsageMeter } from './usage.js'

const SELF = { name: 'self', pid: process.pid, isAlone: true }

function burn(millis: number): void {
  for (const until = performance.now() + millis; performance.now() < until; );
}

describe('what processes spend', () => {
  test('is counted from one moment to the other, and nothing is said of who runs elsewhere', () => {
    const meter = new UsageMeter([SELF, { name: 'far', pid: undefined }])
    const cpuBefore = process.cpuUsage()
    burn(200)
    const { user, system } = process.cpuUsage(cpuBefore)
    const [self, far] = meter.stop()
    expect(self?.spent?.cpuMicros).toBeGreaterThan(user + system - 50_000)
    expect(self?.spent?.cpuMicros).toBeLessThan(user + system + 50_000)
    expect(self?.spent?.maxAnonBytes).toBeGreaterThan(1_000_000)
    expect(far).toEqual({ name: 'far', spent: undefined })
  })

  test('alone is less than with children', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000); console.log(1)'])
    await once(child.stdout, 'data')
    const meter = new UsageMeter([SELF, { ...SELF, isAlone: false }])
    const [alone, withChild] = meter.stop()
    child.kill()
    await once(child, 'exit')
    expect(withChild?.spent?.maxAnonBytes).toBeGreaterThan((alone?.spent?.maxAnonBytes ?? 0) + 1_000_000)
  })

  test('keeps the highest memory that was there between', async () => {
    const meter = new UsageMeter([SELF])
    let held: Buffer | undefined = Buffer.alloc(64 * 1024 * 1024, 1)
    const high = process.memoryUsage.rss()
    await new Promise((resolve) => setTimeout(resolve, 600))
    expect(held.length).toBeGreaterThan(0)
    held = undefined
    const [self] = meter.stop()
    meter.end()
    expect(self?.spent?.maxAnonBytes).toBeGreaterThan(64 * 1024 * 1024)
    expect(self?.spent?.maxAnonBytes).toBeLessThan(high + 512 * 1024 * 1024)
  })
})
