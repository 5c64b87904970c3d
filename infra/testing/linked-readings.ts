// A meter's chain as its own fold sees it: sequences, links and leaf hashes, no bytes.
import { type Hash, sha256, ZERO_HASH } from '../../schemas/hash.js'
import { advance, type MeterState, NEW_METER, type Step } from '../../schemas/meter-chain.js'

export interface Link {
  readonly sequence: number
  readonly previous: Hash
  readonly leaf: Hash
}

/** Messages 1 to `count`, each linked to the one before; `branch` tells other messages of the same sequences apart. */
export function linked(count: number, branch = ''): Link[] {
  const links: Link[] = []
  for (let sequence = 1; sequence <= count; sequence++) {
    links.push({ sequence, previous: links.at(-1)?.leaf ?? ZERO_HASH, leaf: sha256(Buffer.from(`message ${sequence}${branch}`)) })
  }
  return links
}

/** The state after the messages in this order, and what became of each: `ok`, or the fault. */
export function deliver(
  links: readonly (Link | undefined)[],
  from: MeterState = NEW_METER,
): { state: MeterState; steps: Step[] } {
  let state = from
  const steps = links.map((link) => {
    if (link === undefined) throw new Error('the test delivers a message that is not there')
    const step = advance(state, link.sequence, link.previous, link.leaf)
    if (step.ok) state = step.state
    return step
  })
  return { state, steps }
}
