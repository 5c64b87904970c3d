/** Calls between two threads of one process: each side calls what the other offers, over one port. */
import { TransientError } from '../../schemas/errors.js'

/** A MessagePort, or a Worker as the thread that started it has it. */
export interface Port {
  postMessage(message: unknown): void
  on(event: 'message', listener: (message: unknown) => void): unknown
}

/** Arguments and results are copied by structured clone: a Buffer arrives as Uint8Array. */
// biome-ignore lint/suspicious/noExplicitAny: whatever each function takes
export type Offer = Readonly<Record<string, (...args: any[]) => unknown>>

interface Told {
  readonly name: string
  readonly message: string
  readonly stack: string | undefined
}
type Message =
  | { readonly kind: 'call'; readonly id: number; readonly name: string; readonly args: readonly unknown[] }
  | { readonly kind: 'result'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'error'; readonly id: number; readonly error: Told }

interface Waiting {
  resolve(value: unknown): void
  reject(error: Error): void
}

export class Calls<Theirs extends Offer> {
  readonly #waiting = new Map<number, Waiting>()
  #next = 0
  #end: Error | undefined

  constructor(
    private readonly port: Port,
    private readonly ours: Offer,
  ) {
    port.on('message', (message) => this.#take(message as Message))
  }

  /** Rejects with what the other side threw: TransientError where it was one, else Error; or with why there is no other side any more. */
  call<Name extends keyof Theirs & string>(
    name: Name,
    ...args: Parameters<Theirs[Name]>
  ): Promise<Awaited<ReturnType<Theirs[Name]>>> {
    if (this.#end !== undefined) return Promise.reject(this.#end)
    const id = this.#next++
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (value: unknown) => void, reject })
      this.port.postMessage({ kind: 'call', id, name, args } satisfies Message)
    })
  }

  /** The other side has ended: whoever waits for it, and whoever calls from now on, hears of it. */
  end(error: Error): void {
    this.#end ??= error
    for (const { reject } of this.#waiting.values()) reject(error)
    this.#waiting.clear()
  }

  #take(message: Message): void {
    if (message.kind === 'call') {
      void this.#answer(message.id, message.name, message.args)
      return
    }
    const waiting = this.#waiting.get(message.id)
    this.#waiting.delete(message.id)
    if (message.kind === 'result') waiting?.resolve(message.value)
    else waiting?.reject(errorOf(message.error))
  }

  async #answer(id: number, name: string, args: readonly unknown[]): Promise<void> {
    try {
      const offered = this.ours[name]
      if (offered === undefined) throw new TypeError(`the other thread offers no ${name}`)
      this.port.postMessage({ kind: 'result', id, value: await offered(...args) } satisfies Message)
    } catch (error) {
      this.port.postMessage({ kind: 'error', id, error: told(error) } satisfies Message)
    }
  }
}

function told(error: unknown): Told {
  if (!(error instanceof Error)) return { name: 'Error', message: String(error), stack: undefined }
  return { name: error.name, message: error.message, stack: error.stack }
}

function errorOf({ name, message, stack }: Told): Error {
  const error = name === 'TransientError' ? new TransientError(message) : new Error(message)
  if (stack !== undefined) error.stack = stack
  return error
}
