/** A command of meterchain as a user runs it, in a process of its own, and what that process took. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { parsePeakBytes, parseStat } from '../bench/processes.js'

const CLI = fileURLToPath(new URL('../cli/main.js', import.meta.url))
const LOOK_MILLIS = 100

/** CPU and memory as they were at most LOOK_MILLIS before it ended: what they were then goes with the process. */
export interface Measured {
  readonly seconds: number
  readonly cpuSeconds: number
  /** The most memory that the process ever had. */
  readonly peakBytes: number
}

/** Its stderr is shown. Rejects where it fails. */
export async function measuredCli(
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<Measured & { readonly stdout: string }> {
  const began = performance.now()
  const child = spawn(process.execPath, [CLI, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
  let [cpuMicros, peakBytes] = [0, 0]
  const look = setInterval(() => {
    // until it is waited for, an ended process is there, without memory
    if (child.exitCode !== null || child.signalCode !== null) return
    cpuMicros = parseStat(readFileSync(`/proc/${child.pid}/stat`, 'utf8')).cpuMicros
    peakBytes = Math.max(peakBytes, parsePeakBytes(readFileSync(`/proc/${child.pid}/status`, 'utf8')))
  }, LOOK_MILLIS)
  try {
    const [code, signal] = await once(child, 'close')
    if (code !== 0) throw new Error(`meterchain ${args[0]} ended with ${code ?? signal}: see above`)
  } finally {
    clearInterval(look)
  }
  const seconds = (performance.now() - began) / 1000
  return { stdout: Buffer.concat(chunks).toString(), seconds, cpuSeconds: cpuMicros / 1e6, peakBytes }
}
