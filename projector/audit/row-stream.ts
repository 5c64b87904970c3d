import type { CustomTypesConfig as CustomTypes } from 'pg'
import QueryStream from 'pg-query-stream'

/** Rows of a query, as they come. Where a connection is lost, the stream of pg-query-stream 4.17.0 may wait for ever: for rows that
 *  the cursor holds back until the server is ready again, or for its answer to the close of the portal. This one ends with the error. */
export class RowStream extends QueryStream {
  /** `types`: how values are read, where not as pg does it. */
  constructor(text: string, values: unknown[], batchSize: number, types?: CustomTypes) {
    super(text, values, { rowMode: 'array', batchSize, ...(types && { types }) })
    const { handleError } = this
    this.handleError = (error: Error) => {
      handleError(error)
      this.destroy(error)
    }
  }

  override _destroy(error: Error, callback: (error?: Error) => void): void {
    if (error === null) super._destroy(error, callback)
    else callback(error)
  }
}
