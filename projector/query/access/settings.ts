import { isIP } from 'node:net'
import { join } from 'node:path'
import type { Config } from '../../../infra/config.js'

/** Where keys are kept. */
export const apiKeyFolder = ({ home, apiKeyFolder: folder }: Config): string => (folder === '' ? join(home, 'api-keys') : folder)

/** On a system that nobody reaches from elsewhere keys would only be in the way. */
export const areApiKeysRequired = ({ apiKeys, host }: Config): boolean =>
  apiKeys === 'required' || (apiKeys === 'auto' && !isLoopback(host))

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
