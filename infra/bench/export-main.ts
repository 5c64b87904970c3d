import { Command } from 'commander'
import { exportBench } from '../testing/export-bench.js'
import { runProgram } from './run-program.js'

const program = new Command('bench-export')
  .description(
    'Exports the intervals of simulated meters at 15 minutes to Parquet and CSV, and compares with SQL what DuckDB reads',
  )
  .option('--meters <n>', 'households; a meter at the head of each fifty comes on top', Number, 1_000)
  .option('--days <n>', 'days from 1 January 2025 on, ten or more', Number, 365)
  .addHelpText(
    'after',
    '\nWithout METERCHAIN_HOME it starts a PostgreSQL of its own, which is deleted afterwards, as the files are.',
  )
  .addHelpText('after', 'The last line on stdout is one JSON object. A year of 1,000 meters needs 8 GB of disk.')
  .action((options: { meters: number; days: number }) => exportBench(process.env, options))

await runProgram(program)
