// The real door over authorities under test, and a meter's way to it.
import { DoorClient } from '../../ingest/meter/door-client.js'
import { type RunningIngest, startIngest } from '../../ingest/run.js'
import type { Running, Runtime } from '../stage-runtime.js'
import type { Authorities } from './authorities.js'

export interface Head {
  readonly sequence: number
  readonly hash: string
  readonly gaps: { from: number; to: number }[]
  readonly resend: object[]
  readonly reset: object | null
}

export interface OpenDoor {
  readonly runtime: Runtime & Running
  readonly door: RunningIngest
  readonly client: DoorClient
  headOf(meter: string): Promise<Head>
  close(): Promise<void>
}

export async function openDoor(all: Authorities): Promise<OpenDoor> {
  const runtime = await all.open('ingest')
  const door = await startIngest(runtime)
  const client = new DoorClient({ url: door.url })
  return {
    ...{ runtime, door, client },
    headOf: async (meter) => (await (await fetch(`${door.url}/v1/meters/${meter}/head`)).json()) as Head,
    close: async () => {
      await client.close()
      await door.stop()
      await runtime.stop()
    },
  }
}
