import type { Migration, MigrationProvider } from 'kysely'
import { PROJECTIONS } from '../projections/all.js'
import { ledger } from './0001-ledger.js'
import { store } from './0002-store.js'
import { analytics } from './0003-analytics.js'
import { repairs } from './0004-repairs.js'
import { evidence } from './0005-evidence.js'
import { checkpoints } from './0006-checkpoints.js'
import { repairKinds } from './0007-repair-kinds.js'
import { days } from './0008-days.js'
import { consumption } from './0009-consumption.js'
import { quality } from './0010-quality.js'
import { tariffs } from './0011-tariffs.js'
import { bills } from './0012-bills.js'
import { packed } from './0013-packed.js'
import { checkpointEvidence } from './0014-checkpoint-evidence.js'
import { packedDays } from './0015-days.js'
import { checkpointsView } from './0016-checkpoints-view.js'
import { unfilled } from './0017-unfilled.js'
import { between } from './0019-between.js'
import { totals } from './0020-totals.js'
import { unitNames } from './0021-unit-names.js'
import { readSince } from './0022-read-since.js'

/** In the order of their names. One that has run on somebody’s database is never changed: a new one follows it. */
const MIGRATIONS: Record<string, Migration> = {
  '0001-ledger': ledger,
  '0002-store': store,
  '0003-analytics': analytics,
  '0004-repairs': repairs,
  '0005-evidence': evidence,
  '0006-checkpoints': checkpoints,
  '0007-repair-kinds': repairKinds,
  '0008-days': days,
  '0009-consumption': consumption,
  '0010-quality': quality,
  '0011-tariffs': tariffs,
  '0012-bills': bills,
  '0013-packed': packed,
  '0014-checkpoint-evidence': checkpointEvidence,
  '0015-days': packedDays,
  '0016-checkpoints-view': checkpointsView,
  '0017-unfilled': unfilled,
  ...Object.fromEntries(PROJECTIONS.map(({ migrationName, migration }) => [migrationName, migration])),
  '0019-between': between,
  '0020-totals': totals,
  '0021-unit-names': unitNames,
  '0022-read-since': readSince,
}

/** Compiled in: no file is looked for at run time. */
export const migrations: MigrationProvider = { getMigrations: async () => MIGRATIONS }
