// `npm run docs`: writes the pages that are made from the database. It runs under Jest for its TypeScript alone, and needs a running
// PostgreSQL as tests do (METERCHAIN_TEST_HOME).
import { writeFileSync } from 'node:fs'
import { test } from '@jest/globals'
import pg from 'pg'
import { DICTIONARY, dataDictionary } from '../data-dictionary.js'
import { createTestDatabase } from '../postgres.js'

test('docs/data-dictionary.md is written', async () => {
  const database = await createTestDatabase()
  const client = new pg.Client({ connectionString: database.adminUrl })
  await client.connect()
  try {
    writeFileSync(DICTIONARY, await dataDictionary(client))
  } finally {
    await client.end()
    await database.drop()
  }
})
