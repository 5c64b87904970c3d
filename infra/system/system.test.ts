import { existsSync, mkdirSync, mkdtempSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { ZERO_HASH } from '../../schemas/hash.js'
import { asAuthorityId } from '../../schemas/ids.js'
import { loadConfig } from '../config.js'
import { ensureKeys, founderIds, keyPath, localAuthorities } from './authorities.js'
import { databasePasswords, databaseUrls, isLocalDatabase } from './database-urls.js'
import { readLeftOut, whoLeft, writeLeftOut } from './left-authorities.js'
import { stagePorts, stageSpecs } from './stages.js'
import { isLocal, resetSystem } from './system.js'

const newHome = () => mkdtempSync(join(tmpdir(), 'system-'))

test('one founder has the configured id, several have numbers', () => {
  expect(founderIds({ authority: 'grid' }, 1)).toEqual(['grid'])
  expect(founderIds({ authority: 'grid' }, 3)).toEqual(['authority-1', 'authority-2', 'authority-3'])
})

test('missing keys are made and existing ones kept; whose key is here acts here', async () => {
  const home = newHome()
  expect(localAuthorities(home)).toEqual([])
  await ensureKeys(home, ['b', 'a'])
  const kept = readFileSync(keyPath(home, 'a'), 'utf8')
  writeFileSync(join(home, 'keys', 'notes.txt'), 'no key')
  await ensureKeys(home, ['a', 'c'])
  expect(readFileSync(keyPath(home, 'a'), 'utf8')).toBe(kept)
  expect(localAuthorities(home)).toEqual(['a', 'b', 'c'])
})

test('one authority’s stages have plain names and the configured ports', () => {
  const config = loadConfig({ METERCHAIN_HOME: '/somewhere', METERCHAIN_CHAINER_PORT: '7003' })
  const specs = stageSpecs(config, ['grid'], 'postgresql://writer@db/m')
  expect(specs.map(({ name, readyUrl }) => [name, readyUrl])).toEqual([
    ['validator', 'http://127.0.0.1:18084/readyz'],
    ['chainer', 'http://127.0.0.1:7003/readyz'],
    ['projector', 'http://127.0.0.1:18085/readyz'],
    ['ingest', 'http://127.0.0.1:18080/readyz'],
  ])
  for (const { env, args } of specs) {
    expect(env.METERCHAIN_HOME).toBe('/somewhere')
    expect(args.at(-1)).toMatch(/dist\/\w+\/main\.js$/)
  }
  const [validator, , projector, ingest] = specs
  expect(validator?.env.METERCHAIN_AUTHORITY).toBe('grid')
  expect(projector?.env.METERCHAIN_DATABASE_URL).toBe('postgresql://writer@db/m')
  expect(ingest?.env).not.toHaveProperty('METERCHAIN_DATABASE_URL')
})

test('each further authority has stages of its own name, ten ports higher; no two share a port', () => {
  const config = loadConfig({})
  const ids = ['authority-1', 'authority-2', 'authority-3', 'authority-4']
  const names = stageSpecs(config, ids, '').map(({ name }) => name)
  expect(names.slice(0, 3)).toEqual(['validator-authority-1', 'chainer-authority-1', 'validator-authority-2'])
  expect(names).toHaveLength(10)
  const ports = stagePorts(config, ids).map(({ port }) => port)
  expect(ports).toContain(18_114) // the fourth validator
  expect(new Set(ports).size).toBe(ports.length)
  expect(ports).toHaveLength(11)
})

test('the stages of an authority that has left are not started, and the others keep their names and ports', () => {
  const config = loadConfig({ METERCHAIN_HOME: newHome() })
  const ids = ['a', 'b', 'c']
  const all = stageSpecs(config, ids, '')
  const left = stageSpecs(config, ids, '', ['b'])
  expect(left).toEqual(all.filter(({ name }) => !name.endsWith('-b')))
  expect(left).toHaveLength(6)
  expect(readLeftOut(config.home)).toEqual([])
  writeLeftOut(config.home, ['b'])
  expect(readLeftOut(config.home)).toEqual(['b'])
  const broken = newHome()
  writeFileSync(join(broken, 'run'), 'no folder')
  expect(() => readLeftOut(broken)).toThrow('ENOTDIR')
})

test('who leaves acts until nothing is decided by a state that names it; who never was an authority may join', () => {
  const set = (...names: string[]) => ({
    consensus: 'poa' as const,
    authorities: names.map((id) => ({ id: asAuthorityId(id), weight: 1 })),
    hash: ZERO_HASH,
  })
  const [founded, without] = [set('a', 'b'), set('a')]
  const ids = ['a', 'b', 'c']
  expect(whoLeft(ids, [founded], [founded])).toEqual([])
  expect(whoLeft(ids, [founded, without], [without, founded])).toEqual([])
  expect(whoLeft(ids, [founded, without], [without, without])).toEqual(['b'])
  expect(whoLeft(ids, [founded, without, founded], [founded, without])).toEqual([])
})

test('the database’s passwords are made once, for their owner alone; a damaged file is named', () => {
  const home = newHome()
  const made = databasePasswords(home)
  expect(made.writer).not.toBe(made.analyst)
  expect(databasePasswords(home)).toEqual(made)
  const path = join(home, 'secrets', 'database.json')
  expect(statSync(path).mode & 0o777).toBe(0o600)
  writeFileSync(path, '{"writer":""}')
  expect(() => databasePasswords(home)).toThrow(`${path} is damaged`)
})

test('one’s own database is taken as it is given, the local one with the roles and passwords of this home', () => {
  const own = loadConfig({ METERCHAIN_DATABASE_URL: 'postgresql://w@db/m', METERCHAIN_ANALYST_URL: 'postgresql://a@db/m' })
  expect(isLocalDatabase(own)).toBe(false)
  expect(databaseUrls(own)).toEqual({ writer: 'postgresql://w@db/m', analyst: 'postgresql://a@db/m' })
  const home = newHome()
  const local = loadConfig({ METERCHAIN_HOME: home })
  expect(() => databaseUrls(local)).toThrow('PostgreSQL was not started with this home yet')
  mkdirSync(join(home, 'secrets'), { recursive: true })
  writeFileSync(join(home, 'secrets', 'postgres'), 'superuser-secret\n')
  const { writer, analyst } = databaseUrls(local)
  const passwords = databasePasswords(home)
  expect(new URL(writer)).toMatchObject({ password: passwords.writer, port: '15432', pathname: '/meterchain' })
  expect(new URL(analyst)).toMatchObject({ password: passwords.analyst, port: '15432', pathname: '/meterchain' })
  expect(new URL(writer).username).not.toBe(new URL(analyst).username)
})

test('a broker elsewhere is not ours to start or to stop', () => {
  expect(isLocal(loadConfig({}))).toBe(true)
  expect(isLocal(loadConfig({ METERCHAIN_KAFKA_PORT: '7000' }))).toBe(true)
  expect(isLocal(loadConfig({ METERCHAIN_BROKERS: 'broker:9092' }))).toBe(false)
})

test('a reset deletes what the system made in its home, and nothing else', async () => {
  const home = newHome()
  for (const folder of ['state', 'keys', 'meters']) mkdirSync(join(home, folder))
  writeFileSync(join(home, 'genesis.json'), '{}')
  writeFileSync(join(home, 'notes.txt'), 'mine')
  await resetSystem(loadConfig({ METERCHAIN_HOME: home, METERCHAIN_BROKERS: 'broker:9092' }))
  for (const name of ['state', 'keys', 'meters', 'genesis.json']) expect(existsSync(join(home, name))).toBe(false)
  expect(readFileSync(join(home, 'notes.txt'), 'utf8')).toBe('mine')
})
