import type { Migration } from 'kysely'
import { createTable } from './described.js'

/** For tables that come to a database with blocks (`projector/projections/`). */
export const unfilled: Migration = {
  up: (db) =>
    createTable(
      db,
      'ledger.unfilled',
      'Tables that were added when there were blocks already: rows of these blocks they get by meterchain replay alone; until then nobody audits or shows them',
      { table_name: ['text PRIMARY KEY', 'the table, with its schema'] },
    ),
}
