/** What the registry's commands share: the fold at its present end, where output goes, and whose key signs here. */
import pino from 'pino'
import type { EventSignature } from '../../../schemas/records.js'
import { presentKey } from '../../../schemas/registry/meter-facts.js'
import type { RegistryState } from '../../../schemas/registry/state.js'
import { loadConfig } from '../../config.js'
import { loadHeldKeys, registeredKey } from '../../held-keys.js'
import { type AuthorityKey, loadKeyFile } from '../../keys.js'
import { type Proposal, ProposalError } from '../../registry/proposal-file.js'
import { signBody } from '../../registry/sign-event.js'
import type { Runtime } from '../../stage-runtime.js'
import { withRuntime } from '../../system/system.js'

/** Runs `use` with the registry folded to its end. Throws Error where there is no chain yet. */
export function withRegistry<T>(use: (state: RegistryState, runtime: Runtime) => Promise<T> | T): Promise<T> {
  const config = loadConfig()
  return withRuntime(config, 'registry-command', pino({ level: 'silent' }), async (runtime) => {
    const { state } = runtime.registry
    if (!state.hasGenesis) throw new Error(`topic ${config.topicPrefix}registry holds no chain yet: meterchain up makes one`)
    return use(state, runtime)
  })
}

/** One result: as JSON on a line, or as lines for people. */
export function print(json: boolean | undefined, value: unknown, lines: () => readonly string[]): void {
  const text = json
    ? JSON.stringify(value, (_name, each: unknown) => (typeof each === 'bigint' ? Number(each) : each))
    : lines().join('\n')
  process.stdout.write(`${text}\n`)
}

export interface SigningOptions {
  readonly keyFile?: string
  /** The key is a meter's own. */
  readonly asMeter?: boolean
}

/** Signs with the local key. Throws ProposalError where the registry does not know that key: the signature could not hold. */
export async function signHere(
  state: RegistryState,
  { chainId, bodyBytes, body }: Proposal,
  options: SigningOptions,
): Promise<EventSignature[]> {
  if (options.asMeter) {
    const key = await loadKeyFile(requiredKeyFile(options))
    const record = 'meter' in body.content ? state.store.meter(body.content.meter) : undefined
    if (record === undefined || !presentKey(record)?.equals(key.publicKey))
      throw new ProposalError(`${options.keyFile} is not the present key of the meter that ${body.content.kind} is about`)
    return signBody(bodyBytes, chainId, [{ id: '', secretKey: key.secretKey }])
  }
  return signBody(bodyBytes, chainId, [await authorityKey(state, options)])
}

function requiredKeyFile({ keyFile }: SigningOptions): string {
  if (keyFile === undefined) throw new ProposalError('--as-meter needs the meter’s key: --key-file FILE')
  return keyFile
}

async function authorityKey(state: RegistryState, { keyFile }: SigningOptions): Promise<AuthorityKey> {
  const { authorities } = state.governanceAt(state.size)
  const held = keyFile === undefined ? await loadHeldKeys(loadConfig()) : { key: await loadKeyFile(keyFile) }
  const { id } = held.key
  const authority = authorities.find((each) => each.id === id)
  if (authority === undefined || authority.weight === 0)
    throw new ProposalError(
      `${id} cannot sign: it is no authority with weight now (those are ${authorities.map((each) => each.id).join(', ')})`,
    )
  const key = registeredKey(authorities, held)
  if (key === undefined) throw new ProposalError(`${id} cannot sign with this key: the registry has another one for it`)
  return key
}
