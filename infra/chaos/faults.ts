import { garbage, otherVotes, postgresEmptied, rowsAltered, wrongBlocks } from './data-faults.js'
import {
  brokerAway,
  halfSilent,
  killAuthority,
  killStage,
  postgresAway,
  registryAway,
  silentAuthority,
  stateAltered,
  stateDeleted,
} from './process-faults.js'
import type { Fault } from './world.js'

/** Everything that can be done from outside while the line runs. */
export const FAULTS: readonly Fault[] = [
  ...[wrongBlocks, otherVotes],
  ...[silentAuthority, halfSilent, killStage, killAuthority],
  ...[rowsAltered, postgresEmptied, postgresAway],
  ...[stateDeleted, stateAltered],
  ...[garbage, brokerAway, registryAway],
]
