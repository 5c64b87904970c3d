import { runProcess } from '../infra/stage-runtime.js'
import { startIngest } from './run.js'
import { ingestStage } from './stage.js'

await runProcess(ingestStage, startIngest)
