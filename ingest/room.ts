/** How much the door holds that Kafka has not acknowledged. Bounded, so that a slow log costs senders a 503 and not the door its
 *  memory. */
export class Room {
  private heldReadings = 0
  private heldBytes = 0

  constructor(
    private readonly maxReadings: number,
    private readonly maxBytes: number,
  ) {}

  get readings(): number {
    return this.heldReadings
  }

  get bytes(): number {
    return this.heldBytes
  }

  /** Takes room for a request, or says that there is none. An empty door takes any request: else a large one could never enter. */
  take(readings: number, bytes: number): boolean {
    const fits = this.heldReadings + readings <= this.maxReadings && this.heldBytes + bytes <= this.maxBytes
    if (!fits && this.heldReadings > 0) return false
    this.heldReadings += readings
    this.heldBytes += bytes
    return true
  }

  give(readings: number, bytes: number): void {
    this.heldReadings -= readings
    this.heldBytes -= bytes
  }
}
