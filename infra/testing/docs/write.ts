// `npm run docs`: writes the pages that are made from the database. It runs under Jest for its TypeScript alone, and needs a running
// PostgreSQL as tests do (METERCHAIN_TEST_HOME).
import { existsSync, writeFileSync } from 'node:fs'
import { test } from '@jest/globals'
import pg from 'pg'
import { DICTIONARY, dataDictionary } from '../data-dictionary.js'
import { createTestDatabase } from '../postgres.js'
import { askAll, QUESTIONS, questionsPage } from '../questions/document.js'
import { LONDON, londonData } from '../questions/london.js'
import { LONDON_SUBJECT, questionsOf } from '../questions/questions.js'
import { writeData } from '../questions/write-data.js'

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

const MINUTES = 60_000
test(
  'docs/questions.md is written',
  async () => {
    if (!existsSync(LONDON)) throw new Error(`there are no London files in ${LONDON}`)
    const database = await createTestDatabase()
    try {
      await writeData(database.writerUrl, await londonData(LONDON))
      const questions = questionsOf(LONDON_SUBJECT)
      // once before, so that what is told is not the first reading of the disk
      await askAll(database.analystUrl, questions)
      writeFileSync(QUESTIONS, questionsPage(questions, await askAll(database.analystUrl, questions)))
    } finally {
      await database.drop()
    }
  },
  10 * MINUTES,
)
