import { benchCommand } from './command.js'
import { runProgram } from './run-program.js'

// handed on to the stages; settings are read in infra/config.ts alone
await runProgram(benchCommand(process.env))
