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
