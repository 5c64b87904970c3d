import { Command, InvalidArgumentError, Option } from 'commander'
import { newApiKey, SCOPE_MEANINGS, SCOPES, type Scope, standingOf } from '../../../projector/query/access/api-key.js'
import { addKey, readKeys, revokeKey } from '../../../projector/query/access/key-folder.js'
import { apiKeyFolder } from '../../../projector/query/access/settings.js'
import { loadConfig } from '../../config.js'
import { table } from '../table.js'

const MEANINGS = Object.entries(SCOPE_MEANINGS).map(([scope, meaning]) => `  ${scope.padEnd(11)} ${meaning}`)

/** `meterchain keys api`: who may ask the query API what. */
export function apiKeysCommand(): Command {
  const api = new Command('api').description('Makes, lists and revokes keys of the query API (see METERCHAIN_API_KEYS)')
  api
    .command('add')
    .description('Makes a key and prints it, once: only its hash is kept')
    .argument('<name>', 'whose it is, for people')
    .addOption(
      new Option('--scope <scopes>', 'what it is for, by commas')
        .argParser(scopesOf)
        .default(['readings', 'bills'], 'readings,bills'),
    )
    .option('--days <n>', 'how long it is good (default: until it is revoked)', daysOf)
    .addHelpText('after', `\nScopes:\n${MEANINGS.join('\n')}\n  all         all of these`)
    .action(add)
  api.command('list').description('Shows the keys, which of them are good, and what for').action(list)
  api
    .command('revoke')
    .description('Revokes a key: within a second it opens nothing')
    .argument('<id>', 'as list shows it: key-…')
    .action(revoke)
  return api
}

const DAY_MILLIS = 86_400_000

async function add(name: string, { scope: scopes, days }: { scope: Scope[]; days?: number }): Promise<void> {
  const now = new Date()
  const expiresAt = days === undefined ? undefined : new Date(now.getTime() + days * DAY_MILLIS)
  const { key, secret } = newApiKey({ name, scopes, expiresAt }, now)
  await addKey(apiKeyFolder(loadConfig()), key)
  process.stderr.write(`${key.id} for ${name}: ${scopes.join(', ')}. This is the key; it is not kept, and not shown again:\n`)
  process.stdout.write(`${secret}\n`)
}

async function list(): Promise<void> {
  const { keys, faults } = await readKeys(apiKeyFolder(loadConfig()))
  const rows = keys.map((key) => {
    return [key.id, key.name, key.scopes.join(', '), standingOf(key, Date.now()), key.madeAt, key.expiresAt ?? 'never']
  })
  process.stdout.write(`${table(['key', 'name', 'for', 'state', 'made', 'ends'], rows)}\n`)
  for (const { path, reason } of faults) process.stderr.write(`${path} is no key, and lets nobody in: ${reason}\n`)
}

async function revoke(id: string): Promise<void> {
  const folder = apiKeyFolder(loadConfig())
  const key = await revokeKey(folder, id, new Date())
  if (key === undefined) throw new Error(`there is no key '${id}' in ${folder}: see meterchain keys api list`)
  process.stdout.write(`${key.id} (${key.name}) is revoked since ${key.revokedAt}\n`)
}

function scopesOf(text: string): Scope[] {
  const names = text.split(',').map((each) => each.trim())
  if (names.includes('all')) return [...SCOPES]
  const unknown = names.find((name) => !SCOPES.some((scope) => scope === name))
  if (unknown !== undefined) throw new InvalidArgumentError(`there is no scope '${unknown}': ${SCOPES.join(', ')}, or all`)
  return SCOPES.filter((scope) => names.includes(scope))
}

const MOST_DAYS = 3_660

function daysOf(text: string): number {
  if (!/^[1-9]\d{0,3}$/.test(text) || Number(text) > MOST_DAYS)
    throw new InvalidArgumentError(`expected a whole number from 1 to ${MOST_DAYS}`)
  return Number(text)
}
