import { Command } from 'commander'
import { replayBench } from '../testing/replay-bench.js'
import { runProgram } from './run-program.js'

const program = new Command('bench-replay')
  .description('Measures a replay from Kafka into tables that can be queried, beside bare COPY and bare signature checks')
  .option('--hourly <n>', 'messages of four quarter-hours', Number, 600_000)
  .option('--days <n>', 'messages of 96 quarter-hours', Number, 60_000)
  .addHelpText('after', '\nWithout METERCHAIN_HOME all runs in a home of its own, from nothing, and is deleted afterwards.')
  .action((options: { hourly: number; days: number }) => replayBench(process.env, options))

await runProgram(program)
