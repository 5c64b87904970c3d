import { ARRIVALS } from './arrivals.js'
import type { Projection } from './projection.js'

/** In the order of their migrations. */
export const PROJECTIONS: readonly Projection[] = [ARRIVALS]
