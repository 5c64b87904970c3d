import { PassThrough } from 'node:stream'
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals'
import { secondsLeft, spokenSeconds, startProgress } from './progress.js'

function screen(isTTY: boolean): { stream: NodeJS.WriteStream; text: () => string } {
  let written = ''
  const stream = new PassThrough()
  stream.on('data', (chunk) => {
    written += chunk
  })
  const terminal = { isTTY, columns: 100, rows: 24, cursorTo: () => true, clearLine: () => true, moveCursor: () => true }
  return { stream: Object.assign(stream, terminal) as unknown as NodeJS.WriteStream, text: () => written }
}

beforeEach(() => {
  jest.useFakeTimers()
})
afterEach(() => {
  jest.useRealTimers()
})

test('seconds as a person says them', () => {
  expect([0, 42.4, 59.6, 185, 3_599.6, 7_620].map(spokenSeconds)).toEqual([
    '0 s',
    '42 s',
    '1 min 0 s',
    '3 min 5 s',
    '1 h 0 min',
    '2 h 7 min',
  ])
})

test('what is left follows from the rate so far, where there is one', () => {
  expect(secondsLeft(25, 100, 10_000)).toBe(30)
  expect(secondsLeft(0, 100, 10_000)).toBeUndefined()
  expect(secondsLeft(100, 100, 10_000)).toBeUndefined()
  expect(secondsLeft(120, 100, 10_000)).toBeUndefined()
})

test('a log gets a line every 5 s', () => {
  const { stream, text } = screen(false)
  const progress = startProgress('reading', stream)
  progress.update(1, 10)
  expect(text()).toBe('')
  jest.advanceTimersByTime(5_000)
  progress.update(5, 10, 'lane 2')
  progress.update(6, 10)
  jest.advanceTimersByTime(5_000)
  progress.update(0, 10)
  progress.stop()
  expect(text()).toBe('reading 5/10  5 s left  lane 2\nreading 0/10\n')
})

test('a terminal gets a bar with count, time left and note, and keeps the last state; stop may be repeated', () => {
  const { stream, text } = screen(true)
  const progress = startProgress('reading', stream)
  progress.stop()
  jest.advanceTimersByTime(4_000)
  progress.update(1, 4)
  jest.advanceTimersByTime(4_000)
  progress.update(2, 4, 'half')
  progress.stop()
  progress.stop()
  expect(text()).toMatch(/reading .*█.*░.* 2\/4 {2}8 s left {2}half/)
})
