import { loadHeldKeys } from '../infra/held-keys.js'
import { runProcess } from '../infra/stage-runtime.js'
import { startValidator } from './run.js'
import { validatorStage } from './stage.js'

await runProcess(validatorStage, async (runtime) => startValidator({ ...runtime, ...(await loadHeldKeys(runtime.config)) }))
