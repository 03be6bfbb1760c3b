// node bench/cluster-model.mjs [--rollouts 4.37] [--gradients 6.79] [--megabytes 4.7] [--updates 2] [--prompts 32] [--shards 4] [--scale 1]: how long a step takes with
// more workers, computed from what one worker of one thread takes (bench/cluster.mjs prints it). Assumes a core for each worker, eight workers a
// machine, 10 Gbit/s to and from the machine of the run, equal prompts. --scale multiplies prompts, samples and tokens of a step.
//
// A prompt is the smallest piece of the rollouts, a shard that of the gradients. Weights go to each machine once for each update, a sum of
// gradients comes back from each worker that has a shard. Nothing overlaps but what workers do at the same time. So the transfer is a bound: gradients
// leave during the last backward, and the weights while the run does something else.
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    rollouts: { type: 'string', default: '4.37' },
    gradients: { type: 'string', default: '6.79' },
    megabytes: { type: 'string', default: '4.7' },
    updates: { type: 'string', default: '2' },
    prompts: { type: 'string', default: '32' },
    shards: { type: 'string', default: '4' },
    scale: { type: 'string', default: '1' },
    workers: { type: 'string', default: '1,2,4,8,16,32,128,1000' },
  },
})
const { rollouts, gradients, megabytes, updates, prompts, shards, scale } = Object.fromEntries(
  Object.entries(values).map(([name, value]) => [name, Number(value)]),
)
const A_MACHINE = 8
const MEGABYTES_A_SECOND = 1250 / 1.048576

for (const workers of values.workers.split(',').map(Number)) {
  // The last round of pieces may leave workers without one.
  const rounds = (pieces) => Math.ceil(pieces / Math.min(workers, pieces)) / pieces
  const decode = rollouts * scale * rounds(prompts * scale)
  const learn = gradients * scale * rounds(shards)
  const machines = Math.ceil(workers / A_MACHINE)
  const move = (updates * megabytes * (machines + Math.min(workers, shards))) / MEGABYTES_A_SECOND
  const parts = Object.entries({ rollouts: decode, gradients: learn, transfer: move }).map(([name, time]) => `${name} ${time.toFixed(2)} s`)
  const total = decode + learn + move
  const speed = ((rollouts + gradients) * scale) / total
  console.log(`${String(workers).padStart(4)} workers: ${total.toFixed(2)} s a step, ${speed.toFixed(1)} times one (${parts.join(', ')})`)
}
