/** Looks at something whenever it changed: never twice at once, and once more where it changed while it was looked at. */
export class Lookout {
  private timer: NodeJS.Timeout | undefined
  private running: Promise<void> | undefined
  private again = false
  private isStopped = false

  constructor(
    private readonly look: () => Promise<void>,
    private readonly onFailure: (error: Error) => void,
  ) {}

  /** Something changed: looks, unless it looks already; then it looks again afterwards. A look ends what `pokeIn` had asked for. */
  poke(): void {
    if (this.isStopped) return
    if (this.running !== undefined) {
      this.again = true
      return
    }
    clearTimeout(this.timer)
    this.running = this.look()
      .catch(this.onFailure)
      .finally(() => {
        this.running = undefined
        if (!this.again) return
        this.again = false
        this.poke()
      })
  }

  /** Looks then, if nothing changes before. */
  pokeIn(millis: number): void {
    clearTimeout(this.timer)
    if (!this.isStopped) this.timer = setTimeout(() => this.poke(), Math.max(1, millis))
  }

  /** Resolves when it does not look any more, and never will. */
  async stop(): Promise<void> {
    this.isStopped = true
    clearTimeout(this.timer)
    await this.running
  }
}
