import type { Command } from 'commander'

/** Runs a bench to its end, and ends the process: what still holds it open is of no use then. */
export async function runProgram(program: Command): Promise<never> {
  try {
    await program.parseAsync()
    process.exit(0)
  } catch (error) {
    process.stderr.write(`${program.name()}: ${error instanceof Error ? error.message : String(error)}\n`)
    process.exit(1)
  }
}
