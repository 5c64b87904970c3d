/** Lets loops wait for each other: `heard` ends at the next `ring`, or after a time. */
export class Bell {
  readonly #waiting = new Set<() => void>()

  ring(): void {
    for (const wake of this.#waiting) wake()
  }

  heard(withinMillis: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer)
        this.#waiting.delete(wake)
        resolve()
      }
      const timer = setTimeout(wake, withinMillis)
      this.#waiting.add(wake)
    })
  }
}
