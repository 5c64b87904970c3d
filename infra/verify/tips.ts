import { readFile, writeFile } from 'node:fs/promises'
import { z } from 'zod'
import type { Fault } from './fault.js'

/** The last final block of each lane, by the lane’s number: `{ "0": { "height": 12, "hash": "…" } }`. */
const tipsFile = z.record(
  z.string().regex(/^\d+$/, 'expected the number of a lane'),
  z.object({ height: z.number().int().min(0), hash: z.string().regex(/^[0-9a-f]{64}$/, 'expected 32 bytes in hexadecimal') }),
)
export type Tips = z.infer<typeof tipsFile>

interface Tip {
  readonly lane: number
  readonly height: bigint
  readonly hash: string
}

export const tipsOf = (lanes: readonly Tip[]): Tips =>
  Object.fromEntries(lanes.map(({ lane, height, hash }) => [String(lane), { height: Number(height), hash }]))

export const saveTips = (path: string, lanes: readonly Tip[]): Promise<void> =>
  writeFile(path, `${JSON.stringify(tipsOf(lanes), null, 2)}\n`)

/** Throws Error, with the reason. */
export async function loadTips(path: string): Promise<Tips> {
  const text = await readFile(path, 'utf8')
  try {
    return tipsFile.parse(JSON.parse(text))
  } catch (error) {
    throw new Error(`${path} is not a file of tips: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}

/** The first lane whose end is another than expected, or that only one of the two knows. */
export function otherTip(expected: Tips, lanes: readonly Tip[]): Fault | undefined {
  const found = tipsOf(lanes)
  const names = [...new Set([...Object.keys(expected), ...Object.keys(found)])].sort((a, b) => Number(a) - Number(b))
  const show = (tip: Tips[string] | undefined) => (tip === undefined ? 'no such lane' : `height ${tip.height}, block ${tip.hash}`)
  for (const name of names) {
    const [wanted, is] = [expected[name], found[name]]
    if (wanted !== undefined && is !== undefined && wanted.height === is.height && wanted.hash === is.hash) continue
    const height = is === undefined ? {} : { height: BigInt(is.height) }
    return { topic: 'chain', lane: Number(name), ...height, reason: `it ends at ${show(is)}; expected was ${show(wanted)}` }
  }
  return undefined
}
