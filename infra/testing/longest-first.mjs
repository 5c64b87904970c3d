// The order of tests where nobody knows yet how long they take: whole systems, then what needs services, then the rest. Two workers end
// at about the same time, where a system that is built last would keep one of them waiting.
import Sequencer from '@jest/test-sequencer'

const rank = ({ path }) => (path.includes('/e2e/') ? 0 : path.endsWith('.int.test.ts') ? 1 : 2)

export default class LongestFirst extends Sequencer {
  sort(tests) {
    const sorted = super.sort(tests)
    return sorted.some(({ duration }) => duration !== undefined) ? sorted : sorted.sort((a, b) => rank(a) - rank(b))
  }
}
