import pg from 'pg'
import { withClient } from '../../projector/migrate.js'

const TRIES = 5

/** Does it again where PostgreSQL ends it for a deadlock with the projector: whoever damages tables would, too. */
export async function asSuperuser<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await withClient(url, use)
    } catch (error) {
      const isDeadlock = error instanceof pg.DatabaseError && error.code === '40P01'
      if (!isDeadlock || tries === TRIES) throw error
    }
  }
}
