// node bench/compare.mjs --work decode --shape tiny --precision bf16: ours and a peer of bench/peers in turn (A B A B), each run
// a new process with a round to warm up. Prints medians of the runs and how many times as fast ours is, then one JSON line.
//   --work       train (torch), decode (transformers, or --peer llama --gguf FILE), grpo (trl)
//   --shape      of bench/shapes.json            --batch 1: decode
//   --precision  ours: f32, bf16, int8, int4           --peer-dtype bf16 (default) or f32
//   --pairs 3    runs of each                    --rounds 3: rounds a run
//   --prompts 32 --group 8: grpo                 --threads
// It says what the machine can do, which versions the peer has, and warns where other work disturbs.
// PR1_PEER_PYTHON names the Python that has the packages, PR1_PEER_NODE the folder with node-llama-cpp.
import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { busyShare, busyWarning, machine } from './engine/machine.mjs'
import { median } from './engine/shape.mjs'

const bench = path.dirname(fileURLToPath(import.meta.url))
const text = (value) => ({ type: 'string', default: value })
const { values } = parseArgs({
  options: {
    work: text('train'),
    shape: text('small'),
    peer: { type: 'string' },
    gguf: { type: 'string' },
    batch: text('1'),
    precision: text('auto'),
    'peer-dtype': text('bf16'),
    pairs: text('3'),
    rounds: text('3'),
    seconds: text('60'),
    prompts: text('32'),
    group: text('8'),
    threads: { type: 'string' },
  },
})
const usual = { train: 'torch', decode: 'transformers', grpo: 'trl' }
if (!(values.work in usual)) throw new Error(`--work must be one of ${Object.keys(usual).join(', ')}. Got ${values.work}.`)
const shape = values.work === 'grpo' ? 'countdown' : values.shape
const peer = values.peer ?? usual[values.work]
const common = ['--rounds', values.rounds, '--seconds', values.seconds, ...(values.threads ? ['--threads', values.threads] : [])]
const steps = ['--prompts', values.prompts, '--group', values.group]

const ours = {
  name: 'parallel-r1',
  command: process.execPath,
  args: [
    ...[path.join(bench, 'engine.mjs'), '--shapes', shape, '--only', values.work, '--precision', values.precision],
    ...['--batches', values.batch, '--forms', 'sequential', ...steps, ...common],
  ],
}
const python = (script, ...args) => ({
  name: peer,
  command: process.env.PR1_PEER_PYTHON ?? 'python3',
  args: [path.join(bench, 'peers', script), '--dtype', values['peer-dtype'], ...args, ...common],
})
const peers = {
  torch: () => python('torch_train.py', '--shape', shape),
  transformers: () => python('transformers_generate.py', '--shape', shape, '--batches', values.batch),
  trl: () => python('trl_grpo.py', ...steps),
  llama: () => ({
    name: 'node-llama-cpp',
    command: process.execPath,
    args: [
      path.join(bench, 'peers/node_llama_cpp.mjs'),
      '--shape',
      shape,
      '--gguf',
      values.gguf ?? '',
      '--batches',
      values.batch,
      ...common,
    ],
  }),
}
if (!(peer in peers)) throw new Error(`--peer must be one of ${Object.keys(peers).join(', ')}. Got ${peer}.`)
const theirs = peers[peer]()

const runs = { a: [], b: [] }
let busy = 0
for (let pair = 0; pair < Number(values.pairs); pair++) {
  busy = Math.max(busy, await busyShare())
  runs.a.push(run(ours))
  busy = Math.max(busy, await busyShare())
  runs.b.push(run(theirs))
}
const rows = runs.a[0].results.flatMap(({ work, unit }) => {
  const of = (list) => list.flatMap(({ results }) => results.find((row) => row.work === work && row.unit === unit)?.median ?? [])
  const [a, b] = [of(runs.a), of(runs.b)]
  if (b.length === 0) return []
  const [mine, other] = [median(a), median(b)]
  const faster = unit === 'tokens/s' ? mine / other : unit === 's' ? other / mine : undefined
  return [{ shape, work, unit, ours: mine, peer: other, ...(faster && { timesAsFast: faster }), runs: { ours: a, peer: b } }]
})
const { results: _, memory: __, ...about } = runs.a[0]
const { results: ___, ...aboutPeer } = runs.b[0]
const figure = (value) => (value === undefined ? '–' : value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3))
const { cpu, cores, instructionSets } = machine()
const versions = Object.entries(aboutPeer.versions ?? {}).map(([name, version]) => `${name} ${version}`)
console.log(`${cpu}, ${cores} processors: ${instructionSets.join(', ') || 'instruction sets unknown'}`)
console.log(`${ours.name}: ${about.precision}, ${about.isa}, ${about.threads} threads, Node ${about.node}`)
console.log(`${theirs.name}: ${aboutPeer.dtype ?? aboutPeer.gguf}, ${aboutPeer.threads} threads, ${versions.join(', ')}`)
const warning = busyWarning(busy)
console.log(warning ? `${warning}\n` : '')
console.log(`| shape | work | unit | ${ours.name} | ${theirs.name} | times as fast |\n|---|---|---|---|---|---|`)
for (const row of rows) {
  console.log(`| ${row.shape} | ${row.work} | ${row.unit} | ${figure(row.ours)} | ${figure(row.peer)} | ${figure(row.timesAsFast)} |`)
}
console.log(`\n${JSON.stringify({ bench: 'compare', machine: machine(), busy, ours: about, peer: aboutPeer, rows })}`)

/** The JSON line that a run ends with. */
function run({ name, command, args }) {
  console.error(`${name} …`)
  const done = spawnSync(command, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], maxBuffer: 1 << 26 })
  if (done.status !== 0) throw new Error(`${name} ended with ${done.error?.message ?? done.signal ?? done.status}.`)
  return JSON.parse(done.stdout.trim().split('\n').at(-1))
}
