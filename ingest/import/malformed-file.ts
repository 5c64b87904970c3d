/** A file that cannot be read further, or not at all: told by file, line and reason, and the next file goes on. */
export class MalformedFile extends Error {
  override readonly name = 'MalformedFile'

  constructor(
    /** From 1. */
    readonly line: number,
    readonly reason: string,
  ) {
    super(`line ${line}: ${reason}`)
  }
}

/** A value of a file in a message: short, and without what would break the line that tells it. */
export const shown = (text: string): string => `'${text.slice(0, 40).replace(/[^ -~]/g, '?')}'`
