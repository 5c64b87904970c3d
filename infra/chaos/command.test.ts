import { expect, test } from '@jest/globals'
import { chaosCommand } from './command.js'
import { FAULTS } from './faults.js'

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

test('each fault has a name of its own, and words for the table', () => {
  expect(new Set(FAULTS.map(({ kind }) => kind)).size).toBe(FAULTS.length)
  for (const { meaning } of FAULTS) expect(meaning.length).toBeGreaterThan(10)
})
