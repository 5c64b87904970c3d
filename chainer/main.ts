import { loadHeldKeys } from '../infra/held-keys.js'
import { runProcess } from '../infra/stage-runtime.js'
import { startChainer } from './run.js'
import { chainerStage } from './stage.js'

await runProcess(chainerStage, async (runtime) => startChainer({ ...runtime, ...(await loadHeldKeys(runtime.config)) }))
