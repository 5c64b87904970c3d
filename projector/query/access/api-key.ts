/** Keys of the query API: random, told once, and kept as a hash. */
import { createHash, randomBytes } from 'node:crypto'
import { z } from 'zod'

/** What a key is for. What witnesses and verifiers need (checkpoints, the genesis) needs none. */
export const SCOPES = ['ledger', 'readings', 'bills', 'operations'] as const
export type Scope = (typeof SCOPES)[number]

export const SCOPE_MEANINGS: Readonly<Record<Scope, string>> = {
  ledger: 'lanes, blocks, votes, the list of checkpoints, evidence',
  readings: 'usage points, meters, intervals, registers, days, readings and their proofs',
  bills: 'bills, their lines, tariffs',
  operations: 'repairs, rejections, health',
}

/** As it stands in its file. The key itself is nowhere: 256 random bits are found from their SHA-256 by nobody, so it needs no salt
 *  and no slow hash. Times are ISO 8601. */
export const API_KEY = z.strictObject({
  version: z.literal(1),
  id: z.string().regex(/^key-[0-9a-f]{8}$/),
  name: z.string().min(1).max(100),
  scopes: z.array(z.enum(SCOPES)).min(1),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
  madeAt: z.iso.datetime(),
  expiresAt: z.iso.datetime().nullable(),
  revokedAt: z.iso.datetime().nullable(),
})
export type ApiKey = z.infer<typeof API_KEY>

export interface NewKey {
  readonly name: string
  readonly scopes: readonly Scope[]
  readonly expiresAt?: Date | undefined
}

const PREFIX = 'meterchain_'
const SECRET_BYTES = 32

/** `secret` is what its owner sends; it is nowhere else. */
export function newApiKey({ name, scopes, expiresAt }: NewKey, now: Date): { key: ApiKey; secret: string } {
  const secret = PREFIX + randomBytes(SECRET_BYTES).toString('base64url')
  const key = {
    ...{ version: 1 as const, id: `key-${randomBytes(4).toString('hex')}`, name, scopes: [...scopes] },
    ...{ sha256: hashOf(secret), madeAt: now.toISOString(), expiresAt: expiresAt?.toISOString() ?? null, revokedAt: null },
  }
  return { key: API_KEY.parse(key), secret }
}

export const hashOf = (secret: string): string => createHash('sha256').update(secret).digest('hex')

export type Standing = 'valid' | 'expired' | 'revoked'

export function standingOf({ revokedAt, expiresAt }: ApiKey, now: number): Standing {
  if (revokedAt !== null) return 'revoked'
  return expiresAt !== null && Date.parse(expiresAt) <= now ? 'expired' : 'valid'
}
