import { loadAuthorityKey, runProcess } from '../infra/stage-runtime.js'
import { startValidator } from './run.js'
import { validatorStage } from './stage.js'

await runProcess(validatorStage, async (runtime) => startValidator({ ...runtime, key: await loadAuthorityKey(runtime.config) }))
