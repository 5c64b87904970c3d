/** What an operator's command and the projector have in common: a plan is carried out, as far as that may be. */
import type { RestorableTopic } from './restorable.js'
import type { TopicPlan } from './restore-topic.js'

/** What came of a plan, to be told. */
export interface CarriedOut {
  readonly topic: RestorableTopic
  readonly status: 'completed' | 'failed'
  readonly appended: number
  /** In words. */
  readonly detail: string
}

/** What an operator has to run where appending cannot do: no topic is deleted without being told to. */
export const commandFor = ({ topic, mustRecreate }: Pick<TopicPlan, 'topic' | 'mustRecreate'>): string =>
  `meterchain restore --topic ${topic}${mustRecreate === undefined ? '' : ' --recreate'} --yes`

/** Rejects as the plan does. */
export async function carryOut(plan: TopicPlan, mayRecreate: boolean): Promise<CarriedOut> {
  const { topic, mustRecreate } = plan
  if (plan.isWhole) return { topic, status: 'completed', appended: 0, detail: 'nothing is missing' }
  if (mustRecreate !== undefined && !mayRecreate)
    return { topic, status: 'failed', appended: 0, detail: `${mustRecreate}. Run: ${commandFor(plan)}` }
  const appended = await plan.run()
  const how = mustRecreate === undefined ? 'appended' : 'put into the topic, which was made again'
  return { topic, status: 'completed', appended, detail: `${appended} records ${how}` }
}
