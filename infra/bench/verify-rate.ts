/** The calibration: what bare signature checks cost on this machine at this minute, with every core as busy as in the run itself. */
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { newKeyPair, sign, sodiumSignatures } from '../crypto/sodium.js'
import { packageFolder } from '../services/downloads.js'

/** Tag, chain id and an hourly message without its signature. */
const MESSAGE_BYTES = 200
const THREADS = 2
const MESSAGES = 64

/** Verifications a second of this thread, over `millis`. */
export function countVerifications(millis: number): number {
  const { publicKey, secretKey } = newKeyPair(Buffer.alloc(32, 7))
  const messages = Array.from({ length: MESSAGES }, (_, index) => Buffer.alloc(MESSAGE_BYTES, index))
  const signatures = messages.map((message) => sign(message, secretKey))
  const started = performance.now()
  let valid = 0
  let elapsed = 0
  while (elapsed < millis) {
    for (const [index, message] of messages.entries())
      if (sodiumSignatures.verify(signatures[index] ?? Buffer.alloc(0), message, publicKey)) valid++
    elapsed = performance.now() - started
  }
  return (valid * 1000) / elapsed
}

/** The rate of one core while the other is busy with the same. Runs the built worker, also for what runs from the sources (tests). */
export async function verifyRate(millis: number): Promise<number> {
  const file = join(packageFolder(), 'dist', 'infra', 'bench', 'verify-worker.js')
  const rates = await Promise.all(
    Array.from({ length: THREADS }, async () => {
      const [rate] = (await once(new Worker(file, { workerData: millis }), 'message')) as [number]
      return rate
    }),
  )
  return rates.reduce((sum, rate) => sum + rate, 0) / rates.length
}
