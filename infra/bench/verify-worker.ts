/** One of the calibration's threads: checks signatures for so many milliseconds, and tells how many it checked in a second. */
import { parentPort, workerData } from 'node:worker_threads'
import { countVerifications } from './verify-rate.js'

parentPort?.postMessage(countVerifications(workerData as number))
