/** Green Button files (ESPI in an Atom feed): read twice, first for what the values are, then for the values. A message holds what a
 *  block holds of a day; a later feed's other value of an interval is a correction. */
import { MalformedFile } from '../malformed-file.js'
import type { Piece, Source } from '../piece.js'
import { seriesPiece } from '../plan-series.js'
import { BlockReader } from './blocks.js'
import { Catalog } from './catalog.js'
import { FeedReader } from './feed.js'
import { readXml } from './read-xml.js'

export async function* greenButtonPieces(source: Source): AsyncGenerator<Piece> {
  const catalog = new Catalog()
  for await (const _part of readXml(source.path, new FeedReader(catalog)));
  const meterReadings = catalog.meterReadings()
  if (meterReadings.size === 0) throw new MalformedFile(1, 'it has no MeterReading: nothing in it says what its values are')
  const blocks = new BlockReader(source, meterReadings, catalog.version)
  for await (const _part of readXml(source.path, new FeedReader(blocks)))
    for (const series of blocks.take()) yield seriesPiece(series)
  blocks.end()
}
