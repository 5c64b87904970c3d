import { Command } from 'commander'
import { questionsBench } from '../testing/questions-bench.js'
import { runProgram } from './run-program.js'

const program = new Command('bench-questions')
  .description('Asks the questions of docs/questions.md of simulated meters at 15 minutes, and tells what each took')
  .option('--meters <n>', 'households; a meter at the head of each fifty comes on top', Number, 1_000)
  .option('--days <n>', 'days from 1 January 2025 on; the questions are about June', Number, 365)
  .addHelpText('after', '\nWithout METERCHAIN_HOME it starts a PostgreSQL of its own, which is deleted afterwards.')
  .action((options: { meters: number; days: number }) => questionsBench(process.env, options))

await runProgram(program)
