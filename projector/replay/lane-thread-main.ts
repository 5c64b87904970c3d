/** Where a thread of a replay begins. */
import { parentPort } from 'node:worker_threads'
import { BugError } from '../../schemas/errors.js'
import { serveLanes } from './lane-thread.js'

if (parentPort === null) throw new BugError('this file is for a thread, and was not started as one')
serveLanes(parentPort)
