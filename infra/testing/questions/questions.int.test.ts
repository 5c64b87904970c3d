import { existsSync, readFileSync } from 'node:fs'
import { expect, test } from '@jest/globals'
import { fullTest } from '../full.js'
import { createTestDatabase } from '../postgres.js'
import { type Answer, askAll, QUESTIONS, section } from './document.js'
import { LONDON, londonData } from './london.js'
import { LONDON_SUBJECT, type Question, questionsOf } from './questions.js'
import { writeData } from './write-data.js'

const page = readFileSync(QUESTIONS, 'utf8')
const questions = questionsOf(LONDON_SUBJECT)
/** One second is promised where nothing else runs; tests run beside others on a few cores. */
const DEADLINE_MILLIS = 15_000
/** A feeder of fourteen: whatever is added to the London data is added to these. */
const SOME_HOUSEHOLDS = 14

const hasLondon = existsSync(LONDON)
if (!hasLondon) process.stderr.write(`skipped: there are no London files in ${LONDON}\n`)

async function answersOf(households?: number): Promise<Answer[]> {
  const database = await createTestDatabase()
  try {
    await writeData(database.writerUrl, await londonData(LONDON, households))
    return await askAll(database.analystUrl, questions)
  } finally {
    await database.drop()
  }
}

/** What the page has for a question, or '' where it has none. */
const written = ({ title, sql }: Question, number: number): string => {
  const head = `## ${number}. ${title}\n\n\`\`\`sql\n${sql}\n\`\`\`\n\n`
  const from = page.indexOf(head)
  return from < 0 ? '' : page.slice(from, page.indexOf('\n## ', from + 1)).trimEnd()
}

test('docs/questions.md has each question as it is asked (else: npm run docs)', () => {
  expect(questions.length).toBeGreaterThanOrEqual(20)
  expect(questions.filter((question, index) => written(question, index + 1) === '').map(({ title }) => title)).toEqual([])
})

const onSome = hasLondon ? test : test.skip
onSome(
  'each question has an answer on one feeder of London households, with the columns of docs/questions.md, in time',
  async () => {
    const answers = await answersOf(SOME_HOUSEHOLDS)
    for (const [index, question] of questions.entries()) {
      const { columns = [], rows = [], millis = Number.POSITIVE_INFINITY } = answers[index] ?? {}
      expect(written(question, index + 1)).toContain(`| ${columns.join(' | ')} |`)
      expect({ title: question.title, isInTime: millis < DEADLINE_MILLIS }).toEqual({ title: question.title, isInTime: true })
      const hasRows = question.isElsewhere !== true
      expect({ title: question.title, hasRows: rows.length > 0 }).toEqual({ title: question.title, hasRows })
    }
  },
  120_000,
)

const ofAll = 'each answer of docs/questions.md is that of the 70 London households (else: npm run docs)'
const compareAll = async () => {
  const answers = await answersOf()
  const sections = questions.map((question, index) =>
    section(question, answers[index] ?? { columns: [], rows: [], millis: 0 }, index + 1),
  )
  expect(questions.map((question, index) => written(question, index + 1))).toEqual(sections)
}
if (hasLondon) fullTest(ofAll, compareAll, 600_000)
else test.skip(`${ofAll} (there are no London files)`, compareAll)
