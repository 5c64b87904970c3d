import { Command } from 'commander'
import { storageBench } from '../testing/storage-bench.js'
import { runProgram } from './run-program.js'

const program = new Command('bench-storage')
  .description('Measures what an interval takes on disk, for messages of a day and of an hour of quarter-hours')
  .option('--meters <n>', 'meters', Number, 200)
  .option('--days <n>', 'days that messages of a day are of', Number, 100)
  .option('--hourly-days <n>', 'days that messages of an hour are of', Number, 15)
  .addHelpText('after', '\nWithout METERCHAIN_HOME it starts a PostgreSQL of its own, which is deleted afterwards.')
  .action((options: { meters: number; days: number; hourlyDays: number }) => storageBench(process.env, options))

await runProgram(program)
