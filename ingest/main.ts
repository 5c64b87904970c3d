import { runProcess } from '../infra/stage-runtime.js'
import { startIngest } from './run.js'
import { stage } from './stage.js'

await runProcess(stage, startIngest)
