import { jest } from '@jest/globals'

export interface Captured {
  /** Lines of stdout and of stderr. */
  readonly out: string[]
  readonly err: string[]
  /** What `process.exitCode` was set to; 0: nothing. */
  readonly code: number
}

const linesOf = (texts: readonly string[]): string[] => texts.join('').split('\n').slice(0, -1)

/** Runs a command in this process, and gives what it wrote and the exit code that it set. */
export async function captureOutput(run: () => Promise<unknown>): Promise<Captured> {
  const out: string[] = []
  const err: string[] = []
  const into = (texts: string[]) => (text: string | Uint8Array) => texts.push(String(text)) > 0
  const spies = [
    jest.spyOn(process.stdout, 'write').mockImplementation(into(out)),
    jest.spyOn(process.stderr, 'write').mockImplementation(into(err)),
  ]
  const before = process.exitCode
  process.exitCode = undefined
  try {
    await run()
    return { out: linesOf(out), err: linesOf(err), code: Number(process.exitCode ?? 0) }
  } finally {
    process.exitCode = before
    for (const spy of spies) spy.mockRestore()
  }
}
