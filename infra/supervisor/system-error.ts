/** The code of an error of the operating system (ENOENT, EADDRINUSE, …). Not by `instanceof`: an error that comes out of
 *  Node's own modules may be of another realm, as it is in Jest. */
export function systemErrorCode(error: unknown): string | undefined {
  if (typeof error !== 'object' || error === null || !('code' in error)) return undefined
  return typeof error.code === 'string' ? error.code : undefined
}
