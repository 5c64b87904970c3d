/** `docs/questions.md`: the questions, with their answers on the London data. */
import pg from 'pg'
import { ADDED } from './london-additions.js'
import type { Question } from './questions.js'

export const QUESTIONS = 'docs/questions.md'

export interface Answer {
  readonly columns: readonly string[]
  readonly rows: readonly (readonly (string | null)[])[]
  readonly millis: number
}

/** Asks as whoever the client is, every value as PostgreSQL writes it. */
export async function ask(client: pg.Client, { sql }: Question): Promise<Answer> {
  const began = performance.now()
  const { fields, rows } = await client.query<(string | null)[]>({
    text: sql,
    rowMode: 'array',
    types: { getTypeParser: () => String },
  })
  return { columns: fields.map(({ name }) => name), rows, millis: performance.now() - began }
}

/** Answers to all, in their order. */
export async function askAll(url: string, questions: readonly Question[]): Promise<Answer[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const answers: Answer[] = []
    for (const question of questions) answers.push(await ask(client, question))
    return answers
  } finally {
    await client.end()
  }
}

/** What was asked and answered, without what it took: the same on every machine. */
export const section = ({ title, sql, note }: Question, answer: Answer, number: number): string =>
  [`## ${number}. ${title}`, `\`\`\`sql\n${sql}\n\`\`\``, table(answer), ...(note === undefined ? [] : [note])].join('\n\n')

export function table({ columns, rows }: Pick<Answer, 'columns' | 'rows'>): string {
  const line = (cells: readonly (string | null)[]) => `| ${cells.map((cell) => cell ?? '–').join(' | ')} |`
  return [line(columns), `|${'---|'.repeat(columns.length)}`, ...rows.map(line)].join('\n')
}

export function questionsPage(questions: readonly Question[], answers: readonly Answer[]): string {
  const parts = questions.map((question, index) =>
    section(question, answers[index] ?? { columns: [], rows: [], millis: 0 }, index + 1),
  )
  const times = questions.map(({ isWhole }, index) => {
    return [
      String(index + 1),
      (answers[index]?.millis ?? 0).toFixed(0),
      isWhole === true ? 'the whole year' : 'what a filter leaves',
    ]
  })
  return `# Questions

What practitioners ask, with SQL and answer. Made by \`npm run docs\`: it asks as the analysts’ read-only role, of the 70 London households of 2013 (Low Carbon London, London Datastore) as the projector writes them. A test asks again and compares.

What the trial has nothing of is added, from the households’ own energy:

${ADDED.map((text) => `- ${text}`).join('\n')}

${parts.join('\n\n')}

## Times

Of one run of \`npm run docs\`, on a machine that may do other work meanwhile. How it is on a larger fleet \`make bench-questions\` tells: by default a year of 1,000 meters at 15 minutes, 36 million intervals. A question about a time of all meters’ intervals asks \`analytics.intervals_between(FROM, TO)\`: a condition on \`interval_start\` of the view is looked at when a meter’s day is unpacked, so it would unpack all that there are.

${table({ columns: ['question', 'ms', 'looks at'], rows: times })}
`
}
