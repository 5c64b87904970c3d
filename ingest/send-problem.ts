import type { FastifyReply } from 'fastify'
import { PROBLEM_TYPE, type Problem, RETRY_AFTER_SECONDS } from './problem.js'

/** Answers with a problem, and with Retry-After where it is one of the moment. */
export function sendProblem(reply: FastifyReply, problem: Problem): FastifyReply {
  if (problem.status === 503) void reply.header('retry-after', RETRY_AFTER_SECONDS)
  return reply.code(problem.status).type(PROBLEM_TYPE).send(JSON.stringify(problem))
}
