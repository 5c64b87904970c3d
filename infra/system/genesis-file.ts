import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { hex } from '../../schemas/bytes.js'
import { BugError } from '../../schemas/errors.js'
import type { ConsensusKind } from '../../schemas/records.js'
import { loadKeyFile } from '../keys.js'
import { createGenesis, loadGenesis, saveGenesis, writeGenesis } from '../registry/genesis.js'
import type { Runtime } from '../stage-runtime.js'
import { ensureKeys, founderIds, keyPath } from './authorities.js'

export const genesisPath = (home: string): string => join(home, 'genesis.json')

export interface ChainPlan {
  readonly network: string
  /** Undefined: as the chain is, or one where there is none yet. */
  readonly authorities: number | undefined
  readonly consensus: ConsensusKind | undefined
}

/** Sees that the registry has a genesis, and this home its file: makes a chain where there is none yet. Throws Error where the file is
 *  of another chain than the topic, or the plan asks for another chain than there is. */
export async function ensureGenesis(runtime: Runtime, plan: ChainPlan): Promise<{ isNew: boolean }> {
  const { registry, writer, ids } = runtime
  const path = genesisPath(runtime.config.home)
  const isNew = !registry.state.hasGenesis && !existsSync(path)
  if (isNew) await saveGenesis(path, await newGenesis(runtime, plan))
  if (existsSync(path)) await writeGenesis(registry, writer, ids, (await loadGenesis(path)).value)
  else await saveGenesis(path, firstEvent(runtime))
  checkPlan(runtime, plan)
  return { isNew }
}

async function newGenesis({ config }: Runtime, { network, authorities = 1, consensus = 'poa' }: ChainPlan): Promise<Buffer> {
  const ids = founderIds(config, authorities)
  await ensureKeys(config.home, ids)
  const keys = await Promise.all(ids.map((id) => loadKeyFile(keyPath(config.home, id))))
  const founders = keys.map((key) => ({ ...key, weight: 1 }))
  return createGenesis({ network, lanes: config.lanes, consensus, authorities: founders, createdAt: Date.now() })
}

function firstEvent({ registry }: Runtime): Buffer {
  const value = registry.state.store.eventBytes(0)
  if (value === undefined) throw new BugError('the registry has a genesis and does not hold it')
  return value
}

/** What was asked for must be what is there: a chain's founders and consensus are changed by governance, not by a start. */
function checkPlan({ registry: { state }, config }: Runtime, { authorities, consensus }: ChainPlan): void {
  const { genesis } = state
  const is = `chain ${hex(state.chainId).slice(0, 12)}… in ${config.home}`
  const remedy = `leave the option out, or begin anew: meterchain down --reset`
  if (authorities !== undefined && authorities !== genesis.authorities.length)
    throw new Error(`${is} was founded by ${genesis.authorities.length} authorities, not ${authorities}: ${remedy}`)
  if (consensus !== undefined && consensus !== genesis.consensus)
    throw new Error(`${is} began with consensus ${genesis.consensus}, not ${consensus}: ${remedy}`)
}
