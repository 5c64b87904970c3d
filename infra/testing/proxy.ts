/** A server that can go away: forwards to another while it is up, and resets every connection while it is not. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

export interface SwitchedProxy {
  /** The URL with the proxy in the place of its server. */
  through(url: string): string
  /** Ends the connections that there are; others are taken. */
  cut(): void
  goAway(): void
  comeBack(): void
  close(): void
}

/** Before the server of that URL. */
export async function startProxy(targetUrl: string): Promise<SwitchedProxy> {
  const { port, hostname: host } = new URL(targetUrl)
  const sockets = new Set<Socket>()
  let isUp = true
  const server = createServer((incoming) => {
    if (!isUp) return void incoming.resetAndDestroy()
    const outgoing = connect({ port: Number(port), host })
    for (const socket of [incoming, outgoing]) {
      sockets.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => [incoming, outgoing].forEach((each) => void each.destroy()))
    }
    incoming.pipe(outgoing).pipe(incoming)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = () => {
    for (const socket of sockets) socket.destroy()
    sockets.clear()
  }
  return {
    through: (url) => {
      const changed = new URL(url)
      changed.port = String((server.address() as AddressInfo).port)
      return changed.href
    },
    cut,
    goAway: () => {
      isUp = false
      cut()
    },
    comeBack: () => {
      isUp = true
    },
    close: () => {
      cut()
      server.close()
    },
  }
}
