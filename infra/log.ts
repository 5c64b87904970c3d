import pino, { type Logger } from 'pino'

/** A stage's logger: one JSON object a line on stdout, object first, message second, the same field names everywhere. */
export function createLogger(stage: string, level: string): Logger {
  return pino({ level, base: { stage }, timestamp: pino.stdTimeFunctions.isoTime })
}
