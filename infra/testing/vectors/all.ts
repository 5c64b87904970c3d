import { AVRO_SCHEMAS, type Avro, PART_SCHEMAS } from '../../../schemas/avsc.js'
import { billVectors } from './bills.js'
import { chainVectors } from './chain.js'
import { checkpointEvidenceVectors } from './checkpoint-evidence.js'
import { checkpointProofVectors } from './checkpoint-proofs.js'
import { checkpointVectors } from './checkpoints.js'
import { evidenceVectors } from './evidence.js'
import { frozenText } from './frozen.js'
import { hashVectors, keyVectors, meterChainVectors, signatureVectors, turnVectors } from './hashes.js'
import { malformedVectors, recordVectors } from './records.js'
import { registryVectors } from './registry.js'

/** The files of `schemas/vectors/` that are made here, from fixed keys and ids: name and text. */
export function vectorFiles(): Map<string, string> {
  const made = {
    keys: keyVectors(),
    records: recordVectors(),
    malformed: malformedVectors(),
    hashes: hashVectors(),
    signatures: signatureVectors(),
    turns: turnVectors(),
    'meter-chain': meterChainVectors(),
    registry: registryVectors(),
    chain: chainVectors(),
    checkpoints: checkpointVectors(),
    evidence: evidenceVectors(),
    'checkpoint-evidence': checkpointEvidenceVectors(),
    'checkpoint-proofs': checkpointProofVectors(),
    bills: billVectors(),
  }
  return new Map(Object.entries(made).map(([name, value]) => [`${name}.json`, frozenText(value)]))
}

/** The files of `schemas/avsc/`: name and text. */
export function avscFiles(): Map<string, string> {
  const schemas: Record<string, Avro> = { ...AVRO_SCHEMAS, ...PART_SCHEMAS }
  return new Map(Object.entries(schemas).map(([name, schema]) => [`${name}.avsc`, `${JSON.stringify(schema, null, 2)}\n`]))
}
