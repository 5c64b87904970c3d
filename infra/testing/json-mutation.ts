// Any place of a JSON value, changed in any way: for checks that must refuse, or prove the same.
export type Json = null | string | number | boolean | Json[] | { [name: string]: Json }

/** Every place in the JSON, as the names that lead to it. */
export function placesOf(value: Json, place: string[] = []): string[][] {
  const inside = typeof value === 'object' && value !== null ? Object.entries(value) : []
  return [place, ...inside.flatMap(([name, each]) => placesOf(each, [...place, name]))]
}

export function replaceAt(value: Json, [name, ...rest]: string[], change: (old: Json) => Json): Json {
  if (name === undefined) return change(value)
  if (Array.isArray(value)) return value.map((each, i) => (String(i) === name ? replaceAt(each, rest, change) : each))
  if (typeof value !== 'object' || value === null) throw new Error(`nothing at ${name}`)
  return { ...value, [name]: replaceAt(value[name] ?? null, rest, change) }
}

/** Another value in place of this one, drawn by `seed`. */
export function mutate(value: Json, seed: number): Json {
  if (typeof value === 'boolean') return !value
  if (typeof value === 'number') return [value + 1, value - 1, value * 2 + 1, -1 - value, null, String(value)][seed % 6] ?? null
  if (typeof value === 'string') return mutateText(value, seed)
  if (Array.isArray(value)) {
    const at = Math.floor(seed / 5) % Math.max(1, value.length)
    return [value.toSpliced(at, 1), [...value, ...value.slice(at, at + 1)], value.toReversed(), [], null][seed % 5] ?? null
  }
  if (value === null) return [{}, [], '', 0][seed % 4] ?? null
  const names = Object.keys(value)
  const without = Object.fromEntries(
    Object.entries(value).filter(([name]) => name !== names[Math.floor(seed / 3) % names.length]),
  )
  return [null, { ...value, more: 1 }, without][seed % 3] ?? null
}

function mutateText(text: string, seed: number): Json {
  const at = Math.floor(seed / 8) % Math.max(1, text.length)
  const digit = Number.parseInt(text[at] ?? '0', 16)
  const flipped = text.slice(0, at) + ((Number.isNaN(digit) ? 0 : digit) ^ (1 << (seed % 4))).toString(16) + text.slice(at + 1)
  return [flipped, flipped, flipped, flipped, text.slice(2), `${text}00`, '', null][seed % 8] ?? null
}
