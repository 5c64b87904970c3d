// Text of a terminal as an SVG picture: node docs/terminal-svg.mjs < text > picture.svg
// The demo's picture: make demo 2>&1 | node docs/terminal-svg.mjs '$ make demo' > docs/demo.svg
import { readFileSync } from 'node:fs'
import { stripVTControlCharacters } from 'node:util'

const FONT_SIZE = 13
const CHARACTER = 7.8
const LINE = 17
const MARGIN = 14

const title = process.argv[2]
const text = stripVTControlCharacters(readFileSync(0, 'utf8'))
const lines = [...(title === undefined ? [] : [title]), ...text.trimEnd().split(/\r?\n/)].map(
  (line) => line.split('\r').at(-1) ?? '',
)
const columns = Math.max(...lines.map((line) => line.length))
const width = Math.ceil(columns * CHARACTER + 2 * MARGIN)
const height = lines.length * LINE + 2 * MARGIN

const escaped = (line) => line.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
const colour = (line) => (/^(—|\$)/.test(line) ? '#7ee787' : /differs|DIFFERS/.test(line) ? '#ffa198' : '#c9d1d9')
const rows = lines.map(
  (line, index) =>
    `<text x="${MARGIN}" y="${MARGIN + LINE * index + FONT_SIZE}" fill="${colour(line)}" xml:space="preserve">${escaped(line)}</text>`,
)
process.stdout.write(`<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="ui-monospace, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="${FONT_SIZE}">
<rect width="100%" height="100%" rx="8" fill="#0d1117"/>
${rows.join('\n')}
</svg>
`)
