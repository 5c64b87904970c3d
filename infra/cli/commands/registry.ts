import { Command } from 'commander'
import { wholeNumber } from '../registry/arguments.js'
import { checkProposal } from '../registry/check.js'
import { hashStart, showEvidence } from '../registry/evidence.js'
import { showMeter } from '../registry/meter.js'
import { proposeCommand } from '../registry/propose.js'
import { showEvents, showRegistry } from '../registry/show.js'
import { mergeFiles, signProposal } from '../registry/sign.js'
import { submitProposal } from '../registry/submit.js'

const SECONDS = 60

export function registryCommand(): Command {
  const registry = new Command('registry')
    .description('Shows who decides and what is enrolled; proposes, co-signs and submits changes of it')
    .addHelpText(
      'after',
      `
Who decides is changed by events that authorities of more than 2/3 of the weight sign. One proposes it in a file, hands that to the
others, and any of them submits it when enough have signed:
  meterchain registry propose remove-authority east --out east-leaves.json
  meterchain registry sign east-leaves.json        each of the others, at their own place
  meterchain registry check east-leaves.json       who signed, what is missing, what will change
  meterchain registry submit east-leaves.json --wait
Copies that were signed side by side become one: meterchain registry merge FILE COPIES…`,
    )
  readers(registry)
  registry.addCommand(proposeCommand())
  signers(registry)
  return registry
}

function readers(registry: Command): void {
  registry
    .command('show')
    .description('Shows authorities, weights, consensus, rules, source epochs, size, root, and the history of governance')
    .option('--size <n>', 'as of this registry size (default: now)', wholeNumber)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample: meterchain registry show --size 12')
    .action(showRegistry)
  registry
    .command('events')
    .description('Lists events that count, with those whose signatures made them count')
    .option('--from <index>', 'first event', wholeNumber, 0)
    .option('--limit <n>', 'at most so many', wholeNumber, 50)
    .option('--kind <kind>', 'of one kind alone, as PublishTariff')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample: meterchain registry events --kind PublishTariff')
    .action(showEvents)
  registry
    .command('meter')
    .description('Shows all that the registry says of a meter: keys, resets, retirement, usage points')
    .argument('<id>', 'the meter')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample: meterchain registry meter MAC000002')
    .action(showMeter)
  registry
    .command('evidence')
    .description(
      'Lists false sealed blocks, contradicting votes and split views of authorities, writes one to a file, or checks such a file',
    )
    .argument('[hash]', 'first digits of what names it: that alone', hashStart)
    .option('--authority <id>', 'against that authority alone')
    .option('--from-log', 'from the topics themselves; default: from the tables')
    .option('--export <file>', 'writes the one that HASH names, with its originals, as JSON')
    .option('--check <file>', 'checks a file with nothing but the genesis; exit code 1 if it does not hold')
    .option('--genesis <file>', 'genesis from somebody you trust (default: <home>/genesis.json)')
    .option('--json', 'as JSON')
    .addHelpText(
      'after',
      `
Examples:
  meterchain registry evidence --authority east
  meterchain registry evidence 9f3c21aa --export east-false.json
  meterchain registry evidence --check east-false.json
  meterchain registry propose slash-stake east 1 --evidence east-false.json --out slash.json`,
    )
    .action(showEvidence)
}

function signers(registry: Command): void {
  registry
    .command('sign')
    .description('Adds the local authority’s signature to a proposal; look at it first with check')
    .argument('<file>', 'the proposal; it is written back')
    .option('--key-file <file>', 'default: METERCHAIN_KEY_FILE, or <home>/keys/<authority>.json')
    .option('--as-meter', 'the key of --key-file is the meter’s own (rotate-meter-key, reset-meter)')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample: meterchain registry sign add-west.json --key-file keys/north.json')
    .action(signProposal)
  registry
    .command('merge')
    .description('Adds to a proposal the signatures that stand in copies of it')
    .argument('<file>', 'the proposal; it is written back')
    .argument('<copies...>', 'copies that others signed')
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample: meterchain registry merge add-west.json from-north.json from-south.json')
    .action(mergeFiles)
  registry
    .command('check')
    .description('Dry run: which signatures hold, what is missing, what will change; exit code 1 if it would not count now')
    .argument('<file>', 'the proposal')
    .option('--heights <n>', 'for how many heights of each lane the order of turns is shown', wholeNumber, 3)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample: meterchain registry check add-west.json --heights 5')
    .action(checkProposal)
  registry
    .command('submit')
    .description('Writes a proposal that enough have signed into the log, where it counts from then on')
    .argument('<file>', 'the proposal')
    .option('--wait', 'until each lane has a final block that names the new state')
    .option('--timeout <seconds>', 'how long --wait waits', wholeNumber, SECONDS)
    .option('--json', 'as JSON')
    .addHelpText('after', '\nExample: meterchain registry submit add-west.json --wait')
    .action(submitProposal)
}
