import { expect, test } from '@jest/globals'
import { chaosCommand } from './command.js'
import { FAULTS, faultsFor } from './faults.js'

test.each([
  ['--duration', 'long'],
  ['--seed', '-1'],
  ['--rounds', '1.5'],
])('%s %s is said before anything is started', async (option, value) => {
  const command = chaosCommand()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined })
  await expect(command.parseAsync(['node', 'chaos', option, value])).rejects.toThrow('expected a whole number')
})

test('kinds are chosen by name, and a name that is none is said with all that are', async () => {
  const said: string[] = []
  const note = (text: string) => void said.push(text)
  const command = chaosCommand().exitOverride().configureOutput({ writeOut: note, writeErr: note })
  await expect(command.parseAsync(['node', 'chaos', '--kinds', 'garbage,rain'])).rejects.toThrow(/expected some of .*garbage/)
  await expect(command.parseAsync(['node', 'chaos', '--help'])).rejects.toThrow('(outputHelp)')
  for (const { kind } of FAULTS) expect(said.join('')).toContain(kind)
})

test('each fault has a name of its own, and words for the table', () => {
  expect(new Set(FAULTS.map(({ kind }) => kind)).size).toBe(FAULTS.length)
  for (const { meaning } of FAULTS) expect(meaning.length).toBeGreaterThan(10)
})

test('without a disk of its own PostgreSQL is given no full one', () => {
  expect(faultsFor(FAULTS, true)).toHaveLength(FAULTS.length)
  expect(faultsFor(FAULTS, false).map(({ kind }) => kind)).toEqual(
    FAULTS.map(({ kind }) => kind).filter((kind) => kind !== 'postgres-disk-full'),
  )
})
