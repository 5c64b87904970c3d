import { type Kysely, sql } from 'kysely'

/** Column → [its SQL type and constraints, what it holds]. */
export type DescribedColumns = Readonly<Record<string, readonly [definition: string, comment: string]>>

const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`

/** Runs one statement that holds nothing from outside. */
export async function run(db: Kysely<unknown>, statement: string): Promise<void> {
  await sql.raw(statement).execute(db)
}

export async function createSchema(db: Kysely<unknown>, name: string, comment: string): Promise<void> {
  await run(db, `CREATE SCHEMA ${name}`)
  await run(db, `COMMENT ON SCHEMA ${name} IS ${literal(comment)}`)
}

/** A table that cannot be made without saying what each column holds. `constraints` follow the columns. */
export async function createTable(
  db: Kysely<unknown>,
  name: string,
  comment: string,
  columns: DescribedColumns,
  constraints: readonly string[] = [],
): Promise<void> {
  const definitions = Object.entries(columns).map(([column, [definition]]) => `${column} ${definition}`)
  await run(db, `CREATE TABLE ${name} (${[...definitions, ...constraints].join(', ')})`)
  await run(db, `COMMENT ON TABLE ${name} IS ${literal(comment)}`)
  for (const [column, [, text]] of Object.entries(columns)) {
    await run(db, `COMMENT ON COLUMN ${name}.${column} IS ${literal(text)}`)
  }
}

/** A column more; in rows that are there it is null, or what its definition makes of them. */
export async function addColumn(
  db: Kysely<unknown>,
  table: string,
  column: string,
  definition: string,
  comment: string,
): Promise<void> {
  await run(db, `ALTER TABLE ${table} ADD COLUMN ${column} ${definition}`)
  await run(db, `COMMENT ON COLUMN ${table}.${column} IS ${literal(comment)}`)
}

/** A view over `select`, whose columns are those of `columns`, in that order; in place of one with the same columns. */
export async function createView(
  db: Kysely<unknown>,
  name: string,
  comment: string,
  columns: Readonly<Record<string, string>>,
  select: string,
): Promise<void> {
  await run(db, `CREATE OR REPLACE VIEW ${name} (${Object.keys(columns).join(', ')}) AS ${select}`)
  await run(db, `COMMENT ON VIEW ${name} IS ${literal(comment)}`)
  await describeColumns(db, name, columns)
}

/** Another way to the same columns of a view, or with more behind them. Comments stay, but for those of `columns`. */
export async function replaceView(
  db: Kysely<unknown>,
  name: string,
  comment: string,
  select: string,
  columns: Readonly<Record<string, string>> = {},
): Promise<void> {
  await run(db, `CREATE OR REPLACE VIEW ${name} AS ${select}`)
  await run(db, `COMMENT ON VIEW ${name} IS ${literal(comment)}`)
  await describeColumns(db, name, columns)
}

async function describeColumns(db: Kysely<unknown>, name: string, columns: Readonly<Record<string, string>>): Promise<void> {
  for (const [column, text] of Object.entries(columns)) await run(db, `COMMENT ON COLUMN ${name}.${column} IS ${literal(text)}`)
}

/** A function that gives rows, for what a view cannot be asked. It reads with the rights of its owner, as views do, and changes
 *  nothing. `columns`: name → type. */
export async function createFunction(
  db: Kysely<unknown>,
  name: string,
  parameters: string,
  comment: string,
  columns: Readonly<Record<string, string>>,
  select: string,
): Promise<void> {
  const returned = Object.entries(columns).map(([column, type]) => `${column} ${type}`)
  // bound to the tables themselves, not to their names: a replayed set of schemas is renamed
  await run(
    db,
    `CREATE OR REPLACE FUNCTION ${name} (${parameters}) RETURNS TABLE (${returned.join(', ')})
     LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp BEGIN ATOMIC ${select}; END`,
  )
  await run(db, `COMMENT ON FUNCTION ${name} IS ${literal(comment)}`)
}
