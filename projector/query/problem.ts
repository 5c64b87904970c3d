import { STATUS_CODES } from 'node:http'
import type { FastifyReply } from 'fastify'

export const PROBLEM_TYPE = 'application/problem+json'

/** A problem document of RFC 9457. Its type is `about:blank`: the status says what kind it is, the detail what exactly. */
export interface Problem {
  readonly type: 'about:blank'
  readonly title: string
  readonly status: number
  readonly detail: string
}

const RETRY_AFTER_SECONDS = 1

export function sendProblem(reply: FastifyReply, status: number, detail: string): FastifyReply {
  const problem: Problem = { type: 'about:blank', title: STATUS_CODES[status] ?? 'Error', status, detail }
  if (status === 503) void reply.header('retry-after', RETRY_AFTER_SECONDS)
  return reply.code(status).type(PROBLEM_TYPE).header('cache-control', 'no-store').send(JSON.stringify(problem))
}
