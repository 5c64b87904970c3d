import { Command } from 'commander'
import { migrate } from '../../../projector/migrate.js'
import { loadConfig } from '../../config.js'
import { DATABASE, databasePasswords } from '../../system/database-urls.js'
import { tell } from '../progress.js'

/** For a PostgreSQL of one's own; `up` does it for the local one. */
export function migrateCommand(): Command {
  return new Command('migrate')
    .description('Makes database, roles, schemas and views in your own PostgreSQL, or brings them up to date; safe to run again')
    .requiredOption('--admin-url <url>', 'a role that may make roles and databases')
    .option('--database <name>', 'database to make', DATABASE)
    .action(async ({ adminUrl, database }: { adminUrl: string; database: string }) => {
      const passwords = databasePasswords(loadConfig().home)
      const { applied, writerUrl, analystUrl, leftOpen } = await migrate({ adminUrl, database, passwords })
      tell(applied.length === 0 ? 'the database was up to date' : `applied: ${applied.join(', ')}`)
      if (leftOpen.length > 0)
        tell(
          `analysts can stop the projector or fill the disk by functions that only a superuser can close: let one run this in database ${database}\n${leftOpen.map((each) => `${each};`).join('\n')}`,
        )
      process.stdout.write(`METERCHAIN_DATABASE_URL=${writerUrl}\nMETERCHAIN_ANALYST_URL=${analystUrl}\n`)
    })
}
