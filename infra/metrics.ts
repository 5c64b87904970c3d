import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'

/** Seconds, from a block's age to a minute behind. */
const LATENCY_BUCKETS = [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]

export interface Metrics {
  readonly registry: Registry
  /** By outcome: accepted, counted, refused, a fault’s name. */
  readonly readings: Counter<'outcome'>
  readonly votes: Counter<'judgement'>
  readonly timeToAcknowledge: Histogram
  readonly timeToFinal: Histogram
  readonly timeToVisible: Histogram
  /** Records in the log that are not read yet. */
  readonly lag: Gauge<'topic' | 'partition'>
  readonly queueDepth: Gauge<'queue'>
}

/** Metrics of a process that is no stage: those of Node alone, to which it adds its own. */
export function createRegistry(name: string): Registry {
  const registry = new Registry()
  registry.setDefaultLabels({ stage: name })
  collectDefaultMetrics({ register: registry })
  return registry
}

/** The metrics of one stage, in a registry of its own: several stages can live in one process. */
export function createMetrics(stage: string): Metrics {
  const registry = createRegistry(stage)
  const registers = [registry]
  const seconds = (name: string, help: string) => new Histogram({ name, help, buckets: LATENCY_BUCKETS, registers })
  return {
    registry,
    readings: new Counter({ name: 'meterchain_readings_total', help: 'readings by outcome', labelNames: ['outcome'], registers }),
    votes: new Counter({ name: 'meterchain_votes_total', help: 'votes cast', labelNames: ['judgement'], registers }),
    timeToAcknowledge: seconds('meterchain_time_to_acknowledge_seconds', 'from a request to the log’s acknowledgement'),
    timeToFinal: seconds('meterchain_time_to_final_seconds', 'from a block’s seal to its certificate in the log'),
    timeToVisible: seconds('meterchain_time_to_visible_seconds', 'from a block’s certificate to its rows in PostgreSQL'),
    lag: new Gauge({
      name: 'meterchain_lag_records',
      help: 'records not read yet',
      labelNames: ['topic', 'partition'],
      registers,
    }),
    queueDepth: new Gauge({ name: 'meterchain_queue_depth', help: 'items that wait', labelNames: ['queue'], registers }),
  }
}
