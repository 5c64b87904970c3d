import { BILLING } from './bills.js'
import { CONSUMPTION } from './consumption.js'
import { LEDGER } from './ledger.js'
import type { List } from './list.js'
import { OPERATIONS } from './operations.js'

export const LISTS: readonly List[] = [...CONSUMPTION, ...BILLING, ...LEDGER, ...OPERATIONS]
