/** The processes of one machine: which stages run, with which settings. Made from each stage's own description. */
import { join, resolve } from 'node:path'
import { chainerStage } from '../../chainer/stage.js'
import { ingestStage } from '../../ingest/stage.js'
import { projectorStage } from '../../projector/stage.js'
import { validatorStage } from '../../validator/stage.js'
import type { Config } from '../config.js'
import { packageFolder } from '../services/downloads.js'
import type { Stage } from '../stage.js'
import type { ChildSpec } from '../supervisor/supervisor.js'

/** Where the built programs are, also for what runs from the sources (tests). */
const programs = join(packageFolder(), 'dist')
/** Each further authority's stages listen so many ports higher. */
const PORTS_APART = 10

type PortName = 'ingestPort' | 'chainerPort' | 'validatorPort' | 'projectorPort'

const VARIABLES: Readonly<Record<PortName, string>> = {
  ingestPort: 'METERCHAIN_INGEST_PORT',
  chainerPort: 'METERCHAIN_CHAINER_PORT',
  validatorPort: 'METERCHAIN_VALIDATOR_PORT',
  projectorPort: 'METERCHAIN_PROJECTOR_PORT',
}

/** Every stage that runs with this home: one door, one projector, and a chainer and a validator for each authority, but for those that
 *  are left out: they keep their names and ports, so that the others' stay as they are. */
export function stageSpecs(
  config: Config,
  authorities: readonly string[],
  databaseUrl: string,
  leftOut: readonly string[] = [],
): ChildSpec[] {
  const acting = authorities.flatMap((id, index) => {
    if (leftOut.includes(id)) return []
    const env = { METERCHAIN_AUTHORITY: id }
    const name = (stage: Stage) => (authorities.length === 1 ? stage.name : `${stage.name}-${id}`)
    return [
      spec(config, validatorStage, 'validatorPort', name(validatorStage), env, PORTS_APART * index),
      spec(config, chainerStage, 'chainerPort', name(chainerStage), env, PORTS_APART * index),
    ]
  })
  return [
    ...acting,
    spec(config, projectorStage, 'projectorPort', projectorStage.name, { METERCHAIN_DATABASE_URL: databaseUrl }),
    spec(config, ingestStage, 'ingestPort', ingestStage.name, {}),
  ]
}

/** Ports on which the stages will listen, each with the setting that moves it. */
export function stagePorts(config: Config, authorities: readonly string[]): { port: number; variable: string }[] {
  const own = stageSpecs(config, authorities, '').flatMap(({ env }) =>
    Object.values(VARIABLES).flatMap((variable) =>
      env[variable] === undefined ? [] : [{ port: Number(env[variable]), variable }],
    ),
  )
  return [...own, { port: config.queryPort, variable: 'METERCHAIN_QUERY_PORT' }]
}

function spec(
  config: Config,
  stage: Stage,
  portName: PortName,
  name: string,
  env: Readonly<Record<string, string>>,
  higher = 0,
): ChildSpec {
  const port = config[portName] + higher
  return {
    name,
    command: process.execPath,
    args: ['--enable-source-maps', join(programs, stage.main)],
    env: { METERCHAIN_HOME: resolve(config.home), ...env, [VARIABLES[portName]]: String(port) },
    readyUrl: `http://${config.host}:${port}/readyz`,
  }
}

/** The command line itself, for those that start it as a process. */
export const programFile = join(programs, 'infra', 'cli', 'main.js')
