import { Command, InvalidArgumentError } from 'commander'
import { diffSets, type TableDiff } from '../../../projector/replay/diff.js'
import { asOwner } from '../../../projector/replay/set-place.js'
import { LIVE, nameOf, prefixOf, type SetPrefix } from '../../../projector/schema-set.js'
import { loadConfig } from '../../config.js'
import { table } from '../table.js'
import { setPlace } from './replay.js'

interface DiffOptions {
  limit: number
  adminUrl?: string
  json?: boolean
}

export function diffCommand(): Command {
  return new Command('diff')
    .description(
      'What changed between two sets of tables (live, old, or those of meterchain replay --until), by table; exit code 1 if anything',
    )
    .argument('<a>', 'name of the first set', set)
    .argument('<b>', 'name of the second', set)
    .option('--limit <n>', 'rows of each table that are shown; all are counted', whole, 5)
    .option('--admin-url <url>', 'your own PostgreSQL: a role that is a member of meterchain_owner')
    .option('--json', 'as JSON')
    .action(async (a: SetPrefix, b: SetPrefix, { limit, adminUrl, json = false }: DiffOptions) => {
      const found = await asOwner(setPlace(loadConfig(), adminUrl), LIVE, (client) => diffSets(client, a, b, limit))
      for (const line of json ? [JSON.stringify(found)] : diffLines(found, a, b)) process.stdout.write(`${line}\n`)
      if (found.length > 0) process.exitCode = 1
    })
}

/** For a person. */
export function diffLines(found: readonly TableDiff[], a: SetPrefix, b: SetPrefix): string[] {
  if (found.length === 0) return [`${nameOf(a)} and ${nameOf(b)} hold the same rows`]
  const isCounted = ({ onlyIn }: TableDiff) => onlyIn === undefined
  const signs = { removed: '-', added: '+', changed: '~' } as const
  return [
    table(
      ['table', 'removed', 'added', 'changed'],
      found.filter(isCounted).map((each) => [each.table, each.removed, each.added, each.changed]),
    ),
    ...found.flatMap(({ table: name, onlyIn }) => (onlyIn === undefined ? [] : [`${name} is in ${nameOf(onlyIn)} alone`])),
    ...found.flatMap((each) => each.examples.map(({ what, row }) => `${signs[what]} ${each.table} ${JSON.stringify(row)}`)),
  ]
}

function set(text: string): SetPrefix {
  try {
    return prefixOf(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

function whole(text: string): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < 0) throw new InvalidArgumentError('expected a whole number')
  return number
}
