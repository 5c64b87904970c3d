/** Progress on stderr: a bar with the time left on a terminal, else a line every 5 s. */
import cliProgress from 'cli-progress'

const LINE_MILLIS = 5_000

export interface Progress {
  /** `note` stands at the end of the line. */
  update(done: number, total: number, note?: string): void
  /** Leaves the last state on the screen. Safe to repeat. */
  stop(): void
}

/** Seconds as a person says them: 42 s, 3 min 5 s, 2 h 7 min. */
export function spokenSeconds(seconds: number): string {
  const whole = Math.round(seconds)
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${whole % 60} s`
  return `${Math.floor(whole / 3600)} h ${Math.floor((whole % 3600) / 60)} min`
}

/** What is left at the rate so far; undefined before there is one. */
export function secondsLeft(done: number, total: number, elapsedMillis: number): number | undefined {
  if (done <= 0 || total <= done) return undefined
  return ((total - done) * elapsedMillis) / done / 1000
}

export function startProgress(title: string, stream: NodeJS.WriteStream = process.stderr): Progress {
  return stream.isTTY ? barProgress(title, stream) : lineProgress(title, stream)
}

function barProgress(title: string, stream: NodeJS.WriteStream): Progress {
  const bar = new cliProgress.SingleBar({
    stream,
    format: `${title} {bar} {percentage} %  {value}/{total}  {left}{note}`,
    barCompleteChar: '█',
    barIncompleteChar: '░',
    barsize: 30,
    hideCursor: true,
    stopOnComplete: false,
  })
  const started = Date.now()
  let isStarted = false
  return {
    update: (done, total, note = '') => {
      const payload = { left: leftText(done, total, started), note: note === '' ? '' : `  ${note}` }
      if (!isStarted) bar.start(total, done, payload)
      isStarted = true
      bar.setTotal(Math.max(total, 1))
      bar.update(done, payload)
    },
    stop: () => {
      if (isStarted) bar.stop()
      isStarted = false
    },
  }
}

function lineProgress(title: string, stream: NodeJS.WriteStream): Progress {
  const started = Date.now()
  let toldAt = started
  return {
    update: (done, total, note = '') => {
      if (Date.now() - toldAt < LINE_MILLIS) return
      toldAt = Date.now()
      stream.write(
        `${[`${title} ${done}/${total}`, leftText(done, total, started), note].filter((each) => each !== '').join('  ')}\n`,
      )
    },
    stop: () => undefined,
  }
}

function leftText(done: number, total: number, started: number): string {
  const left = secondsLeft(done, total, Date.now() - started)
  return left === undefined ? '' : `${spokenSeconds(left)} left`
}

/** Takes one line at a time for a person. */
export const tell = (line: string): void => void process.stderr.write(`${line}\n`)
