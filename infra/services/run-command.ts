import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface CommandOptions {
  readonly account?: { readonly uid: number; readonly gid: number } | undefined
  readonly workingFolder?: string
  /** Called with each line of output. */
  readonly onLine?: (line: string) => void
}

export interface CommandResult {
  /** -1 if there is no such command; 128 if a signal ended it. */
  readonly status: number
  /** Standard output and error, in the order they came. */
  readonly output: string
}

/** Runs a command to its end, without a shell. */
export function runCommand(command: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...options.account,
      ...(options.workingFolder === undefined ? {} : { cwd: options.workingFolder }),
    })
    const lines: string[] = []
    for (const input of [child.stdout, child.stderr])
      createInterface({ input }).on('line', (line) => {
        lines.push(line)
        options.onLine?.(line)
      })
    child.once('error', (error) => resolve({ status: -1, output: error.message }))
    child.once('close', (status) => resolve({ status: status ?? 128, output: lines.join('\n') }))
  })
}

/** What may be run here; another one stands in for it where a test must not install anything. */
export interface Machine {
  readonly isRoot: boolean
  run(command: string, args: readonly string[], options?: CommandOptions): Promise<CommandResult>
}

export const thisMachine: Machine = { isRoot: process.getuid?.() === 0, run: runCommand }

/** Runs a command that must succeed.
 *  @throws Error with the command and the end of its output. */
export async function mustRun(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
  machine = thisMachine,
): Promise<string> {
  const { status, output } = await machine.run(command, args, options)
  if (status !== 0)
    throw new Error(`${command} ${args.join(' ')} failed (${status}):\n${output.split('\n').slice(-20).join('\n')}`)
  return output
}
