import { Command, InvalidArgumentError } from 'commander'
import pino, { type Logger } from 'pino'
import { fromHex, hex } from '../../../schemas/bytes.js'
import type { Hash } from '../../../schemas/hash.js'
import { loadConfig } from '../../config.js'
import { selfTest, sodiumSignatures } from '../../crypto/sodium.js'
import { createKafka } from '../../kafka/client.js'
import { loadGenesis } from '../../registry/genesis.js'
import { dump } from '../../verify/dump.js'
import { dumpSource } from '../../verify/dump-source.js'
import { kafkaSource } from '../../verify/kafka-source.js'
import type { LogSource } from '../../verify/log-source.js'
import { verifyProofFile } from '../../verify/proof-file.js'
import { resultJson, resultLines, type Trust } from '../../verify/report.js'
import { describeSkip, type Skip } from '../../verify/skips.js'
import { loadTips, saveTips } from '../../verify/tips.js'
import { verify } from '../../verify/verify.js'
import { startProgress } from '../progress.js'

interface VerifyCommandOptions {
  genesis?: string
  chainId?: Hash
  expectTips?: string
  writeTips?: string
  json?: boolean
  dump?: string
  from?: string
  proof?: string
  acceptGaps?: boolean
  verbose?: boolean
}

const EXAMPLES = `
The topics are read from their first records, and every hash, signature, fold step and verdict is derived again. Exit code 0: all holds;
1: the first fault is named by lane, height and entry. Records that were skipped, or that nothing vouches for, are named one by one.

Examples:
  $ meterchain verify --genesis genesis.json              trust this genesis and nothing else
  $ meterchain verify --write-tips tips.json              keep where each lane ends …
  $ meterchain verify --from copy --expect-tips tips.json … and hold a copy against it
  $ meterchain verify --dump copy                         copy all topics to files, to verify them on another machine
  $ meterchain verify --proof proof.json --genesis genesis.json
`

export function verifyCommand(): Command {
  return new Command('verify')
    .description('Verify the whole chain from the raw topics, trusting the genesis alone')
    .option('--genesis <file>', 'the genesis to trust; without it or --chain-id the first in the topic is believed')
    .option('--chain-id <hex>', 'the chain to trust, by the hash of its genesis', parseChainId)
    .option('--expect-tips <file>', 'fail where a lane ends elsewhere than this file says')
    .option('--write-tips <file>', 'write where each lane ends, once all holds')
    .option('--from <dir>', 'verify a dump instead of Kafka')
    .option('--dump <dir>', 'copy all topics into this new folder, and verify nothing')
    .option(
      '--proof <file>',
      'verify one proof (of an entry, of a bill, of checkpoints, of a meter’s keys), offline: needs the genesis alone',
    )
    .option('--accept-gaps', 'of a bill: though readings are missing between those that the proof has')
    .option('--json', 'print the summary as JSON; skipped records go to stderr')
    .option('--verbose', 'show the log of the Kafka client on stderr')
    .addHelpText('after', EXAMPLES)
    .action(run)
}

function parseChainId(text: string): Hash {
  try {
    return fromHex(text, 32)
  } catch (error) {
    throw new InvalidArgumentError(error instanceof Error ? error.message : String(error))
  }
}

async function run(options: VerifyCommandOptions): Promise<void> {
  if (options.proof !== undefined) return runProof(options.proof, options)
  const source = await openSource(options)
  // An exit of our own removes the temporary folder; the signal's would not.
  const interrupted = () => process.exit(130)
  process.once('SIGINT', interrupted)
  try {
    if (options.dump !== undefined) await runDump(source, options.dump)
    else await runVerify(source, options)
  } finally {
    process.off('SIGINT', interrupted)
  }
}

async function openSource({ from, verbose = false }: VerifyCommandOptions): Promise<LogSource> {
  if (from !== undefined) return dumpSource(from)
  const config = loadConfig()
  const logger: Logger = pino({ level: verbose ? 'debug' : 'silent' }, pino.destination(2))
  return kafkaSource(createKafka(config, logger), config.topicPrefix)
}

async function runProof(file: string, { genesis, acceptGaps }: VerifyCommandOptions): Promise<void> {
  const result = await verifyProofFile(file, genesis, acceptGaps)
  if (result.ok) for (const line of result.lines) print(line)
  else {
    print(`FAULT: ${file}: ${result.reason}`)
    process.exitCode = 1
  }
}

const print = (line: string): void => void process.stdout.write(`${line}\n`)

async function runDump(source: LogSource, folder: string): Promise<void> {
  const progress = startProgress('dump: records')
  try {
    const { records } = await dump(source, folder, ({ done, total }) => progress.update(done, total))
    progress.stop()
    print(`${records} records in ${folder}. Verify them: meterchain verify --from ${folder}`)
  } finally {
    progress.stop()
  }
}

/** Ranges of skipped records that the JSON summary holds; all are counted in it, and named on stderr. */
const MAX_JSON_SKIPS = 1_000

async function runVerify(source: LogSource, options: VerifyCommandOptions): Promise<void> {
  selfTest(sodiumSignatures)
  const { chainId, trust } = await trusted(options)
  const expectTips = options.expectTips === undefined ? undefined : await loadTips(options.expectTips)
  const skips: Skip[] = []
  const stream = options.json ? process.stderr : process.stdout
  const progress = startProgress('verify: records')
  const onSkipped = (skip: Skip) => {
    if (skips.length < MAX_JSON_SKIPS) skips.push(skip)
    progress.stop()
    stream.write(`skipped ${describeSkip(skip)}\n`)
  }
  const onProgress = ({ done, total }: { done: number; total: number }) => progress.update(done, total)
  const result = await verify({ source, chainId, expectTips, onProgress, onSkipped }).finally(() => progress.stop())
  if (options.json) print(resultJson(result, trust, skips))
  else for (const line of resultLines(result, trust)) print(line)
  if (result.fault !== undefined) process.exitCode = 1
  else if (options.writeTips !== undefined) await saveTips(options.writeTips, result.summary.lanes)
}

async function trusted({ genesis, chainId }: VerifyCommandOptions): Promise<{ chainId: Hash | undefined; trust: Trust }> {
  if (genesis === undefined) return { chainId, trust: chainId === undefined ? 'first genesis in the topic' : 'chain id' }
  const loaded = await loadGenesis(genesis)
  if (chainId !== undefined && !chainId.equals(loaded.chainId)) {
    throw new Error(`${genesis} is the genesis of chain ${hex(loaded.chainId)}, not of ${hex(chainId)}`)
  }
  return { chainId: loaded.chainId, trust: 'genesis file' }
}
