/** When what the door has seen become final stands in the tables. */
import { setTimeout as sleep } from 'node:timers/promises'
import type pg from 'pg'
import { TransientError } from '../../schemas/errors.js'

const POLL_MILLIS = 50
const HEAD_HEIGHT = /^meterchain_head_height\{[^}]*lane="(\d+)"[^}]*\} (\d+)/gm

/** Height of the newest final block of each lane, as the door's metrics tell; a lane without one is left out. */
export async function finalHeights(doorUrl: string): Promise<Map<number, number>> {
  const answer = await fetch(`${doorUrl}/metrics`)
  const text = await answer.text()
  return new Map([...text.matchAll(HEAD_HEIGHT)].map(([, lane, height]) => [Number(lane), Number(height)]))
}

/** Resolves when blocks of these heights are in the tables. Rejects with TransientError at the deadline. */
export async function untilVisible(
  analyst: pg.ClientBase,
  heights: ReadonlyMap<number, number>,
  deadlineMillis = 120_000,
): Promise<void> {
  const giveUpAt = Date.now() + deadlineMillis
  for (;;) {
    const { rows } = await analyst.query<{ lane: number; height: string }>(
      'SELECT lane, max(height) AS height FROM analytics.blocks GROUP BY lane',
    )
    const visible = new Map(rows.map(({ lane, height }) => [lane, Number(height)]))
    const behind = [...heights].filter(([lane, height]) => (visible.get(lane) ?? 0) < height)
    if (behind.length === 0) return
    if (Date.now() > giveUpAt)
      throw new TransientError(
        `lanes ${behind.map(([lane]) => lane).join(', ')} did not come into PostgreSQL: see the projector's log`,
      )
    await sleep(POLL_MILLIS)
  }
}
