import { Command } from 'commander'
import { hex } from '../../../schemas/bytes.js'
import { loadConfig } from '../../config.js'
import { createKeyFile, loadKeyFile } from '../../keys.js'
import { keyFileOf } from '../../stage-runtime.js'
import { keyPath } from '../../system/authorities.js'
import { apiKeysCommand } from './api-keys.js'

export function keysCommand(): Command {
  const keys = new Command('keys').description('Makes and shows the keys of authorities, and those of the query API')
  keys
    .command('create')
    .description('Makes a key; an existing one is never overwritten')
    .argument('[id]', 'the authority (default: METERCHAIN_AUTHORITY)')
    .option('--out <file>', 'where to write it (default: <home>/keys/<id>.json)')
    .action(async (id: string | undefined, { out }: { out?: string }) => {
      const config = loadConfig()
      const authority = id ?? config.authority
      const path = out ?? keyPath(config.home, authority)
      const { publicKey } = await createKeyFile(path, authority)
      process.stdout.write(`${authority} ${publicKey} ${path}\n`)
    })
  keys
    .command('show')
    .description('Shows an authority’s id and public key, never the secret')
    .argument('[file]', 'key file (default: METERCHAIN_KEY_FILE, or <home>/keys/<authority>.json)')
    .action(async (file: string | undefined) => {
      const { id, publicKey } = await loadKeyFile(file ?? keyFileOf(loadConfig()))
      process.stdout.write(`${id} ${hex(publicKey)}\n`)
    })
  keys.addCommand(apiKeysCommand())
  return keys
}
