import { otherVotes, wrongBlocks } from './authority-faults.js'
import {
  chainCutOff,
  chainDamaged,
  chainRecreated,
  chainTruncated,
  checkpointsDamaged,
  readingsLost,
  registryDamaged,
} from './log-faults.js'
import { meterAway, meterCloned, meterForks, meterLoses, meterLostItsDisk, meterReorders, meterRepeats } from './meter-faults.js'
import {
  brokerAway,
  halfSilent,
  killAuthority,
  killStage,
  postgresAway,
  postgresDiskFull,
  registryAway,
  silentAuthority,
  slowAuthority,
  stateAltered,
  stateDeleted,
} from './process-faults.js'
import { foreignCodec, foreignTransaction, garbage, topicSettings } from './stranger-faults.js'
import { postgresEmptied, postgresRestored, rowsAltered } from './table-faults.js'
import type { Fault } from './world.js'

/** Everything that can be done from outside while the line runs. */
export const FAULTS: readonly Fault[] = [
  ...[wrongBlocks, otherVotes],
  ...[silentAuthority, slowAuthority, halfSilent, killStage, killAuthority],
  ...[rowsAltered, postgresEmptied, postgresRestored, postgresAway],
  ...[meterLoses, meterRepeats, meterReorders, meterForks, meterCloned, meterLostItsDisk, meterAway],
  ...[chainDamaged, chainTruncated, chainCutOff, chainRecreated, checkpointsDamaged, registryDamaged, readingsLost],
  ...[stateDeleted, stateAltered],
  ...[garbage, foreignCodec, foreignTransaction, topicSettings],
  ...[brokerAway, registryAway],
  ...[postgresDiskFull],
]

/** Those that can be done to a system whose PostgreSQL has a disk of its own, or has none. */
export const faultsFor = (faults: readonly Fault[], hasDisk: boolean): readonly Fault[] =>
  hasDisk ? faults : faults.filter(({ kind }) => kind !== postgresDiskFull.kind)
