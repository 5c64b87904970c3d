import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Metrics } from './metrics.js'

export interface Readiness {
  readonly ready: boolean
  readonly why?: string
}

export interface HealthOptions {
  readonly host: string
  /** 0: any free port. */
  readonly port: number
  readonly metrics: Pick<Metrics, 'registry'>
  isReady(): Readiness
  /** Other pages in plain text, by path; undefined: not there yet. */
  readonly pages?: Readonly<Record<string, () => string | undefined>>
}

export interface HealthServer {
  readonly port: number
  stop(): Promise<void>
}

function answer({ metrics, isReady, pages = {} }: HealthOptions): RequestListener {
  const say = (status: number, text: string, type = 'text/plain; charset=utf-8') => ({ status, text, type })
  const text = (page: string | undefined) => (page === undefined ? say(404, 'not there yet\n') : say(200, page))
  const body = async (path: string | undefined) => {
    if (path === '/healthz') return say(200, 'alive\n')
    if (path === '/metrics') return say(200, await metrics.registry.metrics(), metrics.registry.contentType)
    const page = path === undefined || !Object.hasOwn(pages, path) ? undefined : pages[path]
    if (page !== undefined) return text(page())
    if (path !== '/readyz')
      return say(404, `there are ${['/healthz', '/readyz', '/metrics', ...Object.keys(pages)].join(', ')}\n`)
    const { ready, why } = isReady()
    return ready ? say(200, 'ready\n') : say(503, `not ready: ${why ?? 'starting'}\n`)
  }
  return (request, response) => {
    body(request.url).then(
      ({ status, text, type }) => response.writeHead(status, { 'content-type': type }).end(text),
      (error: Error) => response.writeHead(500, { 'content-type': 'text/plain' }).end(`${error.message}\n`),
    )
  }
}

/** Serves /healthz (the process lives), /readyz (it does its work) and /metrics (Prometheus). Rejects where the port is taken. */
export async function startHealthServer(options: HealthOptions): Promise<HealthServer> {
  const server = createServer(answer(options))
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const inUse = error.code === 'EADDRINUSE'
      const remedy = 'choose another with its METERCHAIN_…_PORT setting (see meterchain config)'
      reject(inUse ? new Error(`port ${options.port} on ${options.host} is in use: ${remedy}`) : error)
    })
    server.listen(options.port, options.host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const stop = () =>
    new Promise<void>((resolve, reject) => {
      server.close((error) => (error ? reject(error) : resolve()))
      server.closeAllConnections()
    })
  return { port, stop }
}
