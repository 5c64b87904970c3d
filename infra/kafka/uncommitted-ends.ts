/** KafkaJS 2.2.4 asks for the end of a partition as a reader of committed records alone would: where a stranger has left a transaction
 *  open, the end would be where that began, and what was acknowledged since would not be there. */
import { createRequire } from 'node:module'

type Request = (options: object) => unknown

const READ_UNCOMMITTED = 0
let isInstalled = false

/** Once for the process: KafkaJS looks its protocol up at each request. */
export function askForUncommittedEnds(): void {
  if (isInstalled) return
  isInstalled = true
  const load = createRequire(import.meta.url)
  const { requests } = load('kafkajs/src/protocol/requests') as {
    requests: { ListOffsets: { protocol(at: { version: number }): Request } }
  }
  const original = requests.ListOffsets.protocol
  requests.ListOffsets.protocol = (at) => {
    const make = original(at)
    return (options) => make({ ...options, isolationLevel: READ_UNCOMMITTED })
  }
}
