import { Command } from 'commander'
import pg from 'pg'
import { loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { table } from '../table.js'

interface SqlOptions {
  json?: boolean
  url?: boolean
}

export function sqlCommand(): Command {
  return new Command('sql')
    .description(
      'Runs SQL as the read-only analyst and prints the rows; numbers come as PostgreSQL writes them, to the last digit',
    )
    .argument('[statement]', 'SQL; without it standard input is read')
    .option('--json', 'a JSON object a line')
    .option('--url', 'prints the analyst’s connection URL (with its password) and does nothing else')
    .addHelpText(
      'after',
      "\nViews: SELECT table_name, obj_description(table_name::regclass) FROM information_schema.views WHERE table_schema = 'analytics'",
    )
    .action(async (statement: string | undefined, { json = false, url = false }: SqlOptions) => {
      const { analyst } = databaseUrls(loadConfig())
      if (url) process.stdout.write(`${analyst}\n`)
      else await query(analyst, statement ?? (await standardInput()), json)
    })
}

async function query(url: string, statement: string, json: boolean): Promise<void> {
  const client = new pg.Client({ connectionString: url, types: { getTypeParser: () => (value: string) => value } as never })
  await client.connect()
  try {
    const answer = await client.query({ text: statement, rowMode: 'array' })
    // several statements give several results
    for (const { fields, rows } of [answer].flat()) {
      const names = fields.map(({ name }) => name)
      const lines = json
        ? rows.map((row) => JSON.stringify(Object.fromEntries(names.map((name, at) => [name, row[at]]))))
        : [table(names, rows), `${rows.length} rows`]
      process.stdout.write(lines.map((line) => `${line}\n`).join(''))
    }
  } finally {
    await client.end()
  }
}

async function standardInput(): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}
