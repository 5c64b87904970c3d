/** Who may ask what: by a key where keys are required, and so often in a second. */
import rateLimit from '@fastify/rate-limit'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { sendProblem } from '../problem.js'
import { type ApiKey, SCOPE_MEANINGS, type Scope } from './api-key.js'
import type { FoundKey, KeyRing } from './key-ring.js'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a key must be for; none: everybody may ask. */
    scope?: Scope
  }
  interface FastifyRequest {
    apiKey: ApiKey | undefined
  }
}

export interface AccessOptions {
  /** Undefined: nobody needs a key. */
  readonly keys: KeyRing | undefined
  /** Requests of one key, or of one address without a key; 0: as many as come. */
  readonly ratePerSecond: number
}

/** For routes that are registered on `app` afterwards. The rate is looked at before the key, so that guessing is bounded too. */
export async function permit(app: FastifyInstance, { keys, ratePerSecond }: AccessOptions): Promise<void> {
  app.decorateRequest('apiKey', undefined)
  if (keys !== undefined) identify(app, keys)
  if (ratePerSecond > 0)
    await app.register(rateLimit, {
      ...{ max: ratePerSecond, timeWindow: 1_000, keyGenerator: ({ apiKey, ip }) => apiKey?.id ?? ip },
      errorResponseBuilder: (_request, { statusCode, max }) =>
        Object.assign(new Error(`more than ${max} requests in a second: ask again when Retry-After says`), { statusCode }),
    })
}

function identify(app: FastifyInstance, keys: KeyRing): void {
  const found = new WeakMap<FastifyRequest, FoundKey>()
  app.addHook('onRequest', async (request) => {
    const secret = /^bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1]
    const key = secret === undefined ? undefined : await keys.find(secret)
    if (key === undefined) return
    found.set(request, key)
    if (key.standing === 'valid') request.apiKey = key.key
  })
  app.addHook('preValidation', async (request, reply) => {
    const { scope } = request.routeOptions.config
    if (scope === undefined || request.apiKey?.scopes.includes(scope)) return
    return refuse(reply, scope, request, found.get(request))
  })
}

const HOW = 'send Authorization: Bearer KEY; whoever runs this API makes keys (meterchain keys api add)'

function refuse(reply: FastifyReply, scope: Scope, request: FastifyRequest, found: FoundKey | undefined): FastifyReply {
  const challenge = (more: string) => reply.header('www-authenticate', `Bearer realm="meterchain", scope="${scope}"${more}`)
  if (found?.standing === 'valid') {
    const { id, scopes } = found.key
    const detail = `${id} is for ${scopes.join(', ')}, and this asks for ${scope} (${SCOPE_MEANINGS[scope]}): ask for another key`
    return sendProblem(challenge(', error="insufficient_scope"'), 403, detail)
  }
  if (found !== undefined)
    return sendProblem(challenge(', error="invalid_token"'), 401, `${found.key.id} is ${found.standing}: ask for a new key`)
  const isGiven = request.headers.authorization !== undefined
  const what = isGiven ? 'Authorization holds no key that is known here' : `this needs a key for ${scope}`
  return sendProblem(challenge(isGiven ? ', error="invalid_token"' : ''), 401, `${what}: ${HOW}`)
}
