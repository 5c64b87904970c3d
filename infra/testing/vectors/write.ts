// `npm run schemas`: writes schemas/avsc/ again from schemas/avsc.ts, and vectors that are not there yet. It runs under Jest for its
// TypeScript alone. Vectors are the contract: one that is there is never written over; to change it is a new version of the
// specification, and begins with deleting the file by hand.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { test } from '@jest/globals'
import { avscFiles, vectorFiles } from './all.js'

const folder = (name: string) => new URL(`../../../schemas/${name}/`, import.meta.url)

test('schemas/avsc/ is written', () => {
  mkdirSync(folder('avsc'), { recursive: true })
  for (const [name, text] of avscFiles()) writeFileSync(new URL(name, folder('avsc')), text)
})

test('vectors that are missing are written', () => {
  for (const [name, text] of vectorFiles()) {
    const url = new URL(name, folder('vectors'))
    if (!existsSync(url)) writeFileSync(url, text)
  }
})
