import type { ClientBase } from 'pg'

/** Roles belong to the server, not to a database: tests and second installations on one server take a prefix of their own. */
export interface Roles {
  /** Owns all objects; nobody logs in as it. */
  readonly owner: string
  /** The projector. */
  readonly writer: string
  /** Reads schema analytics and nothing else. */
  readonly analyst: string
  /** Reads everything. Nobody logs in as it: the writer's sessions that answer queries take it on, and can change nothing. */
  readonly reader: string
}

export interface Passwords {
  readonly writer: string
  readonly analyst: string
}

const PREFIX = /^[a-z][a-z0-9_]{0,40}$/

/** Throws RangeError where the prefix is no plain name. */
export function rolesOf(prefix = 'meterchain'): Roles {
  if (!PREFIX.test(prefix)) throw new RangeError(`a prefix of roles is 1 to 41 of a-z, 0-9 and _, first a letter: '${prefix}'`)
  return { owner: `${prefix}_owner`, writer: `${prefix}_writer`, analyst: `${prefix}_analyst`, reader: `${prefix}_reader` }
}

/** Makes the roles that are missing, and sets passwords and limits of all. */
export async function ensureRoles(client: ClientBase, roles: Roles, passwords: Passwords): Promise<void> {
  for (const role of Object.values(roles)) {
    const { rowCount } = await client.query('SELECT FROM pg_roles WHERE rolname = $1', [role])
    if (rowCount === 0) await client.query(`CREATE ROLE ${role}`)
  }
  for (const role of [roles.owner, roles.reader]) await client.query(`ALTER ROLE ${role} NOLOGIN`)
  await client.query(`ALTER ROLE ${roles.writer} LOGIN PASSWORD ${client.escapeLiteral(passwords.writer)}`)
  await client.query(`ALTER ROLE ${roles.analyst} LOGIN PASSWORD ${client.escapeLiteral(passwords.analyst)}`)
  await client.query(`ALTER ROLE ${roles.analyst} SET default_transaction_read_only = on`)
  // a limit for mistakes: PostgreSQL lets whoever logs in set it otherwise
  await client.query(`ALTER ROLE ${roles.analyst} SET statement_timeout = '30s'`)
  await client.query(`GRANT ${roles.owner} TO CURRENT_USER`)
  // not inherited: what the reader may do the writer may anyhow
  await client.query(`GRANT ${roles.reader} TO ${roles.writer} WITH INHERIT FALSE`)
}

/** Who may do what in the database that the client is connected to. */
export async function grantPrivileges(client: ClientBase, database: string, { writer, analyst, reader }: Roles): Promise<void> {
  const name = client.escapeIdentifier(database)
  const statements = [
    `REVOKE ALL ON DATABASE ${name} FROM PUBLIC`,
    `GRANT CONNECT ON DATABASE ${name} TO ${writer}, ${analyst}`,
    `GRANT USAGE ON SCHEMA ledger, store, analytics TO ${writer}`,
    `GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA ledger, store TO ${writer}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO ${writer}`,
    `GRANT USAGE ON SCHEMA ledger, store, analytics TO ${reader}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA ledger, store, analytics TO ${reader}`,
    `GRANT USAGE ON SCHEMA analytics TO ${analyst}`,
    `GRANT SELECT ON ALL TABLES IN SCHEMA analytics TO ${analyst}`,
  ]
  for (const statement of statements) await client.query(statement)
}

/** Of the system: what any role may call, and thereby stop the projector (locks that it takes) or fill the disk (large objects, which no
 *  privilege on tables keeps from). */
const LOCKS = '^pg_(try_)?advisory_'
const CLOSED = `${LOCKS}|^lo_|^loread$|^lowrite$`

/** Leaves locks and large objects to those who need them. Gives the statements that a superuser is to run, where this client is none. */
export async function closeToPublic(client: ClientBase, { owner, writer }: Roles): Promise<readonly string[]> {
  const functions = async (names: string, condition: string): Promise<string> => {
    const { rows } = await client.query<{ list: string | null }>(
      `SELECT string_agg(oid::regprocedure::text, ', ' ORDER BY oid) AS list FROM pg_proc
        WHERE pronamespace = 'pg_catalog'::regnamespace AND proname ~ $1 AND ${condition}`,
      [names],
    )
    return rows[0]?.list ?? ''
  }
  const may = (role: string) => `has_function_privilege('${role}', oid, 'EXECUTE')`
  const revoke = (list: string) => `REVOKE EXECUTE ON FUNCTION ${list} FROM PUBLIC`
  const grant = (list: string) => `GRANT EXECUTE ON FUNCTION ${list} TO ${owner}, ${writer}`
  const open = await functions(CLOSED, may('public'))
  // of no effect, but for a warning, where the client has no right to it
  if (open !== '') await client.query(revoke(open))
  const lacking = await functions(LOCKS, `NOT (${may(owner)} AND ${may(writer)})`)
  if (lacking !== '') await client.query(grant(lacking))
  const left = await functions(CLOSED, may('public'))
  return left === '' ? [] : [revoke(left), grant(await functions(LOCKS, may('public')))]
}
