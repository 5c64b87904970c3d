import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Command } from 'commander'
import pg from 'pg'
import { type Config, loadConfig } from '../../config.js'
import { databaseUrls } from '../../system/database-urls.js'
import { genesisPath } from '../../system/genesis-file.js'
import { prepareSystem, startStages } from '../../system/system.js'
import { verifyProofFile } from '../../verify/proof-file.js'
import { countRun, loadPlot, type RunCounts, weekTable } from '../demo-report.js'
import { tell } from '../progress.js'
import { doorUrlOf, type Sender, withSender } from '../sender.js'
import { DEFAULT_BEGIN, enrolRun, type SignedRun, sendRun, signRun } from '../simulation.js'
import { tamper } from '../tamper.js'
import { finalHeights, untilVisible } from '../visible.js'
import { auditLines, runAudit } from './audit.js'
import { addresses } from './up.js'

const RUN = { seed: 1, households: 200, days: 14, begin: DEFAULT_BEGIN }

export function demoCommand(): Command {
  return new Command('demo')
    .description('Shows everything once: 200 simulated households, 14 days of signed readings, tables, a plot, an audit, a proof')
    .addHelpText('after', '\nThe last line on stdout is one JSON object. Run again, the households live on for another 14 days.')
    .action(async () => {
      const config = loadConfig()
      heading('Services and stages')
      await prepareSystem(config, { network: 'demo', authorities: undefined, consensus: undefined }, tell)
      await startStages(config, tell)
      const client = new pg.Client({ connectionString: databaseUrls(config).analyst })
      await client.connect()
      try {
        await show(config, client)
      } finally {
        await client.end()
      }
    })
}

const heading = (text: string): void => tell(`\n— ${text}`)

async function show(config: Config, analyst: pg.Client): Promise<void> {
  heading(`${RUN.households} households, ${RUN.days} days of quarter-hours, each hour signed by its meter`)
  const { signed, counts } = await withSender(config, doorUrlOf(config), (sender) => sendAll(sender, analyst))
  heading('What an analyst sees')
  tell(await weekTable(analyst, signed))
  tell(await loadPlot(analyst, signed))
  heading('Somebody changes a row in PostgreSQL, behind the projector’s back')
  await showAudit(config)
  heading('A proof of one reading, checked offline with nothing but the genesis')
  await showProof(config, analyst, signed)
  heading('It runs; stop it with: meterchain down')
  for (const line of addresses(config)) tell(line)
  process.stdout.write(`${JSON.stringify(counts)}\n`)
}

async function sendAll(sender: Sender, analyst: pg.Client): Promise<{ signed: SignedRun; counts: RunCounts }> {
  const signed = signRun(sender.store, RUN)
  await enrolRun(sender, RUN)
  const blocksBefore = await blockCount(analyst)
  const started = performance.now()
  const { confirmed } = await sendRun(sender, signed)
  await untilVisible(analyst, await finalHeights(sender.doorUrl))
  const seconds = (performance.now() - started) / 1000
  const counted = await countRun(analyst, signed)
  const counts: RunCounts = {
    sent: signed.toSend,
    final: confirmed,
    rows: counted.rows,
    blocks: (await blockCount(analyst)) - blocksBefore,
    rejected: counted.rejected,
    seconds: Math.round(seconds * 100) / 100,
    messagesPerSecond: Math.round(confirmed / seconds),
  }
  return { signed, counts }
}

async function blockCount(analyst: pg.Client): Promise<number> {
  const { rows } = await analyst.query<{ count: string }>('SELECT count(*) FROM analytics.blocks')
  return Number(rows[0]?.count)
}

/** Changes a row as a superuser could, lets the audit find it, and puts it back. */
async function showAudit(config: Config): Promise<void> {
  const changed = await tamper(databaseUrls(config).writer)
  tell(changed.told)
  let isThere = true
  let found = 0
  try {
    const result = await runAudit(config, 10)
    for (const line of auditLines(result)) tell(line)
    found = result.differenceCount
  } finally {
    isThere = await changed.undo()
  }
  if (found > 1 || (found === 0 && isThere)) throw new Error(`the audit found ${found} differences, and one row was changed`)
  tell(isThere ? 'the row is put back' : 'the projector’s own audit has healed it meanwhile: see meterchain repairs')
}

async function showProof(config: Config, analyst: pg.Client, { meters, from }: SignedRun): Promise<void> {
  const url = `http://${config.host}:${config.queryPort}`
  const { rows } = await analyst.query<{ sequence: string }>(
    'SELECT sequence FROM analytics.intervals WHERE meter = $1 AND interval_start = to_timestamp($2)',
    [meters[0], from],
  )
  const sequence = Number(rows[0]?.sequence)
  const page = (await getJson(`${url}/v1/meters/${meters[0]}/readings?after=${sequence - 1}&limit=1`)) as {
    readings: { leafHash: string }[]
  }
  const leaf = page.readings[0]?.leafHash
  const path = join(config.home, 'proof.json')
  await writeFile(path, JSON.stringify(await getJson(`${url}/v1/proofs/${leaf}`), null, 2))
  const checked = await verifyProofFile(path, genesisPath(config.home))
  if (!checked.ok) throw new Error(`the proof in ${path} does not hold: ${checked.reason}`)
  for (const line of checked.lines) tell(line)
  tell(`the same by hand: meterchain verify --proof ${path} --genesis ${genesisPath(config.home)}`)
}

async function getJson(url: string): Promise<unknown> {
  const answer = await fetch(url)
  if (!answer.ok) throw new Error(`GET ${url} answered ${answer.status}: ${(await answer.text()).slice(0, 300)}`)
  return answer.json()
}
