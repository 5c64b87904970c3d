/** A-B:C.D.E*F (IEC 62056-6-1), of six bytes. */
export function obisText(obis: Buffer): string {
  const [a, b, c, d, e, f] = obis
  return `${a}-${b}:${c}.${d}.${e}*${f}`
}
