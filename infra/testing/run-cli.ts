/** The command line in this process: what it printed, and its exit code. */
import { run } from '../cli/program.js'

export interface CliResult {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

type Write = typeof process.stdout.write

/** Runs one command; one at a time, for it takes stdout and stderr. */
export const runCli = (...args: string[]): Promise<CliResult> => watchCli({ stdout: '', stderr: '' }, ...args)

/** The same; what it has printed so far is seen in `said`. */
export async function watchCli(said: Record<'stdout' | 'stderr', string>, ...args: string[]): Promise<CliResult> {
  const release = [capture('stdout', said), capture('stderr', said)]
  process.exitCode = undefined
  try {
    const code = await run(['node', 'meterchain', ...args])
    return { code, ...said }
  } finally {
    process.exitCode = undefined // it is Jest's
    for (const each of release) each()
  }
}

function capture(name: 'stdout' | 'stderr', said: Record<'stdout' | 'stderr', string>): () => void {
  const stream = process[name]
  const write = stream.write
  stream.write = ((chunk: string | Uint8Array) => {
    said[name] += typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8')
    return true
  }) as Write
  return () => {
    stream.write = write
  }
}

/** Runs a command that must succeed, and gives what it printed on stdout. */
export async function cliMust(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await runCli(...args)
  if (code !== 0) throw new Error(`meterchain ${args.join(' ')} ended with ${code}:\n${endsOf(stderr)}\n${endsOf(stdout)}`)
  return stdout
}

/** What went wrong stands first or last. */
const endsOf = (text: string): string => (text.length < 5_000 ? text : `${text.slice(0, 2_000)} … ${text.slice(-3_000)}`)
