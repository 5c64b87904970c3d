import { loadAuthorityKey, runProcess } from '../infra/stage-runtime.js'
import { startChainer } from './run.js'
import { chainerStage } from './stage.js'

await runProcess(chainerStage, async (runtime) => startChainer({ ...runtime, key: await loadAuthorityKey(runtime.config) }))
