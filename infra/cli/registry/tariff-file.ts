import { readFileSync } from 'node:fs'
import { readDocument } from '../../../schemas/tariff/document.js'
import { ProposalError } from '../../registry/proposal-file.js'

/** A tariff's document from a person's file, in the one form that counts for bills. Throws ProposalError where it would say nothing
 *  to them: nobody should sign that. */
export function tariffDocument(file: string): string {
  const text = canonical(file, readFileSync(file, 'utf8'))
  const read = readDocument(text)
  if (read.ok) return text
  throw new ProposalError(`${file} is no tariff: ${read.fault}: ${read.reason} (schemas/SPEC.md, section 18)`)
}

function canonical(file: string, text: string): string {
  try {
    return JSON.stringify(JSON.parse(text))
  } catch (cause) {
    throw new ProposalError(`${file} is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause })
  }
}
