/** `docs/data-dictionary.md`, from the comments in the database: whoever changes a view cannot forget it. */
import type pg from 'pg'

export const DICTIONARY = 'docs/data-dictionary.md'

interface Described {
  readonly view: string
  readonly comment: string
  readonly columns: readonly { readonly name: string; readonly type: string; readonly comment: string }[]
}

const VIEWS = `
  SELECT c.relname AS view, obj_description(c.oid, 'pg_class') AS comment,
         jsonb_agg(jsonb_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
                                      'comment', col_description(c.oid, a.attnum)) ORDER BY a.attnum) AS columns
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
   WHERE c.relnamespace = 'analytics'::regnamespace AND c.relkind = 'v'
   GROUP BY c.oid, c.relname ORDER BY c.relname COLLATE "C"`

/** The page, of a database that is migrated. */
export async function dataDictionary(client: pg.Client): Promise<string> {
  const { rows } = await client.query<Described>(VIEWS)
  const list = rows.map(({ view }) => `[${view}](#${view})`).join(', ')
  return `# Data dictionary

Made by \`npm run docs\` from the comments in the database; a test fails where it is out of date. All of it is in schema \`analytics\`, which the read-only role of analysts sees; times are UTC, values exact.

${list}

${rows.map(section).join('\n\n')}
`
}

function section({ view, comment, columns }: Described): string {
  const lines = columns.map((column) => `| \`${column.name}\` | ${column.type} | ${cell(column.comment)} |`)
  return `## ${view}\n\n${cell(comment)}.\n\n| column | type | |\n|---|---|---|\n${lines.join('\n')}`
}

const cell = (text: string): string => text.replaceAll('|', '\\|')
