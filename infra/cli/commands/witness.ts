import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { Command, InvalidArgumentError } from 'commander'
import { NOTE_KIND, verifierKey } from '../../../schemas/checkpoint/note.js'
import { type Config, loadConfig } from '../../config.js'
import { selfTest, sodiumSignatures } from '../../crypto/sodium.js'
import { createKeyFile, loadKeyFile } from '../../keys.js'
import { createLogger } from '../../log.js'
import { openRuntime } from '../../stage-runtime.js'
import { claimPidFile } from '../../supervisor/claim.js'
import { pidFile } from '../../supervisor/stage-files.js'
import { startWitness } from '../../witness/witness.js'

interface WitnessOptions {
  name: string
  key?: string
  peer: string[]
  every: number
}

const EXAMPLES = `
A witness belongs to none of the authorities. It reads topics registry and checkpoints by itself, trusts the genesis alone, and signs each
checkpoint that continues the one it signed before: in the topic, and at http://HOST:METERCHAIN_WITNESS_PORT/checkpoint. Where what others
show contradicts what it sees (a split view), it keeps both as a file, says so in /readyz, /metrics and its log, and signs no more.

Examples:
  $ meterchain witness --name witness.example --peer https://meterchain.example/checkpoint
`

export function witnessCommand(): Command {
  return new Command('witness')
    .description('Follows the checkpoints, signs each that continues the last, and finds split views; runs until SIGTERM')
    .option('--name <name>', 'its name in signatures', 'witness-1')
    .option('--key <file>', 'its key (default: <home>/witnesses/<name>.json, made at its first start)')
    .option('--peer <url>', 'a checkpoint that others show, to be compared with; may be given again', addPeer, [])
    .option('--every <seconds>', 'how often peers are looked at', parseSeconds, 10)
    .addHelpText('after', EXAMPLES)
    .action(run)
}

function addPeer(text: string, peers: string[]): string[] {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol))
    throw new InvalidArgumentError('expected an address, http or https')
  return [...peers, text]
}

function parseSeconds(text: string): number {
  const seconds = Number(text)
  if (!(seconds >= 0.1 && seconds <= 86_400)) throw new InvalidArgumentError('expected 0.1 to 86400 seconds')
  return seconds
}

/** Apart from the authorities’ keys, for which `up` starts stages. */
async function ownKey(home: string, name: string): Promise<string> {
  const path = join(home, 'witnesses', `${name}.json`)
  if (!existsSync(path)) await createKeyFile(path, name)
  return path
}

async function run(options: WitnessOptions): Promise<void> {
  selfTest(sodiumSignatures)
  const config = loadConfig()
  const claim = pidFile(config.home, `witness-${options.name}`)
  const holder = claimPidFile(claim)
  if (holder !== undefined)
    throw new Error(
      `witness ${options.name} runs already, as process ${holder.pid}: two of one name would not know what the other has signed. End that one, or give this one another --name`,
    )
  try {
    await witnessUntilStopped(config, options)
  } finally {
    rmSync(claim, { force: true })
  }
}

async function witnessUntilStopped(config: Config, { name, key: keyFile, peer: peers, every }: WitnessOptions): Promise<void> {
  const key = await loadKeyFile(keyFile ?? (await ownKey(config.home, name)))
  const logger = createLogger(`witness-${name}`, config.logLevel)
  const end = new AbortController()
  const failed = new Promise<never>((_resolve, reject) => end.signal.addEventListener('abort', () => reject(end.signal.reason)))
  failed.catch(() => undefined)
  const onFatal = (error: Error) => end.abort(error)
  const stopped = new Promise<void>((resolve) => {
    process.once('SIGTERM', resolve)
    process.once('SIGINT', resolve)
  })
  const runtime = await openRuntime({ name: `witness-${name}`, signs: false }, config, logger, onFatal)
  try {
    const witness = await startWitness({ ...runtime, key, port: config.witnessPort, peers, peerMillis: every * 1_000 })
    process.stdout.write(`${verifierKey(key.id, NOTE_KIND.cosignature, key.publicKey)}\n`)
    logger.info({ port: witness.port, folder: join(runtime.folder), peers }, 'witnessing')
    try {
      await Promise.race([stopped, failed])
    } finally {
      await witness.stop()
    }
  } finally {
    await runtime.stop()
  }
}
