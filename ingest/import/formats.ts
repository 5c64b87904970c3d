/** The formats of files, and how one is recognised by its content. */
import { greenButtonPieces } from './green-button/green-button.js'
import { MalformedFile } from './malformed-file.js'
import { type LclMessage, lclPieces } from './meter-days.js'
import { nem12Pieces } from './nem12/nem12.js'
import type { Format } from './piece.js'
import { firstBytes } from './unpacked.js'

export const FORMATS = ['lcl', 'nem12', 'green-button'] as const
export type FormatName = (typeof FORMATS)[number]

const LOOKED_AT_BYTES = 4_096

export function piecesOf(format: FormatName, message: LclMessage): Format {
  if (format === 'nem12') return nem12Pieces
  if (format === 'green-button') return greenButtonPieces
  return (source) => lclPieces(source, message)
}

/** Throws MalformedFile where the content is of no format. */
export async function formatOf(path: string): Promise<FormatName> {
  let start: string
  try {
    start = (await firstBytes(path, LOOKED_AT_BYTES))
      .toString('utf8')
      .replace(/^\uFEFF/, '')
      .trimStart()
  } catch (error) {
    throw new MalformedFile(1, `it cannot be read: ${error instanceof Error ? error.message : String(error)}`)
  }
  if (start.startsWith('PK\u0003\u0004')) throw new MalformedFile(1, 'it is a zip archive: unpack it, and import what is in it')
  if (start.startsWith('<')) return 'green-button'
  if (/^100,NEM13\b/i.test(start))
    throw new MalformedFile(1, 'NEM13 holds accumulated readings, which are not imported: ask for NEM12')
  if (/^(100,NEM12|200,)/i.test(start)) return 'nem12'
  if (/^(LCLid|[^,\n]*,\d{4}-\d\d-\d\d[^,\n]*,[^,\n]*(\n|$))/.test(start)) return 'lcl'
  throw new MalformedFile(1, `its content is of none of ${FORMATS.join(', ')}: name the format with --format`)
}
