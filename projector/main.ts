import { runProcess } from '../infra/stage-runtime.js'
import { startProjector } from './run.js'
import { projectorStage } from './stage.js'

await runProcess(projectorStage, (runtime) => {
  const { databaseUrl } = runtime.config
  if (databaseUrl === '') throw new Error('METERCHAIN_DATABASE_URL is empty: name the database, as the role that writes it')
  return startProjector({ ...runtime, databaseUrl })
})
