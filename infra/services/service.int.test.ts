import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from '@jest/globals'
import { identityOf, isRunning } from '../supervisor/pid-file.js'
import { logFile, pidFile } from '../supervisor/stage-files.js'
import { newClusterId, serverProperties } from './kafka.js'
import { withLauncherLock } from './launcher-lock.js'
import { assertPortsFree, holderOf, isPortFree } from './ports.js'
import { localService, type ServiceKind } from './service.js'
import { DEFAULT_PORTS, type ServicesConfig } from './services-config.js'

const newConfig = (): ServicesConfig => ({ home: mkdtempSync(join(tmpdir(), 'service-')), ...DEFAULT_PORTS })

/** A service that is a shell script; it is healthy as soon as its log says so. */
function scripted(config: ServicesConfig, script: string, kind: Partial<ServiceKind> = {}) {
  const probe = async () => readFileSync(logFile(config.home, 'kafka'), 'utf8').includes('at your service')
  const prepare = async () => ({ command: 'sh', args: ['-c', script] })
  return localService({ name: 'kafka', address: 'here', ports: [], stopSignal: 'SIGTERM', prepare, probe, ...kind }, config)
}

const SERVE = 'echo at your service; exec sleep 60'

test('a service is started once, adopted by the next launcher, and stopped', async () => {
  const config = newConfig()
  const service = scripted(config, SERVE)
  await service.stop() // nothing runs yet
  expect(await service.isHealthy()).toBe(false)
  await service.start()
  const { pid } = service
  const next = scripted(config, 'exit 1')
  await next.start()
  expect(next.pid).toBe(pid)
  await next.stop()
  expect(service.pid).toBeUndefined()
})

test('a process that hangs is ended before another is started', async () => {
  const config = newConfig()
  let isAnswering = true
  const service = scripted(config, SERVE, { probe: async () => isAnswering || Promise.reject(new Error('no answer')) })
  await service.start()
  const hanging = identityOf(service.pid ?? 0)
  isAnswering = false
  expect(await service.isHealthy()).toBe(false)
  await scripted(config, SERVE, { probe: async () => service.pid !== hanging?.pid }).start()
  expect(hanging !== undefined && isRunning(hanging)).toBe(false)
  await service.stop()
})

test('a service that ends while starting shows the last 20 lines of its log, of this start alone', async () => {
  const config = newConfig()
  mkdirSync(join(config.home, 'logs'))
  writeFileSync(logFile(config.home, 'kafka'), 'of yesterday\n')
  const error = await scripted(config, 'seq 1 5; echo no room; exit 1')
    .start()
    .catch((reason: Error) => reason.message)
  expect(error).toBe(`kafka ended while starting; the end of ${logFile(config.home, 'kafka')}:\n1\n2\n3\n4\n5\nno room`)
  await expect(scripted(config, 'seq 1 50; exit 1').start()).rejects.toThrow(/:\n31\n(\d+\n)*50$/)
})

test('a service that is not ready in time is ended, and the error says so', async () => {
  const config = newConfig()
  const service = scripted(config, 'echo still thinking; exec sleep 60', { startMillis: 300 })
  await expect(service.start()).rejects.toThrow(/kafka was not ready within 0.3 s; .*\nstill thinking/)
  expect(service.pid).toBeUndefined()
})

test('a failure that passes by itself is tried again; one that does not pass is not tried for ever', async () => {
  const config = newConfig()
  const flag = join(config.home, 'flag')
  const passing = { passingFailure: /still in use/, retryMillis: 1 }
  const script = `if [ -e ${flag} ]; then ${SERVE}; else touch ${flag}; echo memory still in use; exit 1; fi`
  const service = scripted(config, script, passing)
  await service.start()
  await service.stop()
  await expect(scripted(newConfig(), 'echo still in use; exit 1', passing).start()).rejects.toThrow('still in use')
})

test('a free port is free; of one in use the holder and the setting are told', async () => {
  const child = spawn(process.execPath, [
    '-e',
    `require('net').createServer().listen(0, '127.0.0.1', function () { console.log(this.address().port) })`,
  ])
  const [output] = await once(child.stdout, 'data')
  const port = Number(String(output))
  expect(await isPortFree(port)).toBe(false)
  expect(holderOf(port)).toMatch(new RegExp(`^pid ${child.pid} \\(.*createServer`))
  const config = { ...newConfig(), registryPort: port }
  await expect(assertPortsFree(config, ['registryPort'])).rejects.toThrow('choose another port by METERCHAIN_REGISTRY_PORT')
  child.kill('SIGKILL')
  await once(child, 'exit')
  await assertPortsFree(config, ['registryPort'])
  expect(holderOf(port)).toBeUndefined()
})

test('a port that may not be listened on is an error of its own', async () => {
  await expect(isPortFree(70_000)).rejects.toThrow('port')
})

test('launchers of one home work one after the other, and a killed one does not keep the next waiting', async () => {
  const { home } = newConfig()
  const said: string[] = []
  const child = spawn('sh', ['-c', 'id=$(cat /proc/$$/stat /proc/sys/kernel/random/boot_id); echo "$id"; exec sleep 60'])
  const [identity] = await once(child.stdout, 'data')
  mkdirSync(join(home, 'run'))
  writeFileSync(pidFile(home, 'launcher'), identity)
  const waiting = withLauncherLock(
    home,
    (line) => said.push(line),
    async () => 'done',
    300,
  )
  await expect(waiting).rejects.toThrow(`another launcher (pid ${child.pid}) still holds`)
  expect(said).toEqual([`waiting for another launcher (pid ${child.pid})`])
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(
    await withLauncherLock(
      home,
      (line) => said.push(line),
      async () => 'done',
    ),
  ).toBe('done')
})

test('the lock is given back when the work fails', async () => {
  const { home } = newConfig()
  await expect(
    withLauncherLock(
      home,
      () => undefined,
      () => Promise.reject(new Error('work failed')),
    ),
  ).rejects.toThrow('work failed')
  expect(
    await withLauncherLock(
      home,
      () => undefined,
      async () => 'done',
    ),
  ).toBe('done')
})

test('the broker listens on 127.0.0.1 alone and forgets nothing', () => {
  const lines = serverProperties({ ...newConfig(), home: '/home', kafkaPort: 1111, kafkaControllerPort: 2222 }).split('\n')
  expect(lines).toContain('listeners=PLAINTEXT://127.0.0.1:1111,CONTROLLER://127.0.0.1:2222')
  expect(lines).toContain('log.retention.ms=-1')
  expect(lines).toContain('auto.create.topics.enable=false')
  expect(lines).toContain('log.dirs=/home/data/kafka/log')
})

test('cluster ids are 16 bytes and never begin with a dash, which Kafka takes for an option', () => {
  for (let i = 0; i < 500; i += 1) expect(newClusterId()).toMatch(/^[A-Za-f0-9g-z_][\w-]{21}$/)
})

test('a port may be asked for while another program listens on it by IPv6', async () => {
  const server = createServer()
  server.listen(0, '::1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  expect(holderOf(port)).toContain(`pid ${process.pid}`)
  expect(await isPortFree(port)).toBe(true)
  server.close()
})
