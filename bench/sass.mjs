// node bench/sass.mjs LIBRARY [--kernel gemm] [--against LIBRARY]: what the compiler made of the kernels, without a GPU.
// LIBRARY: what `npm run build:cuda` wrote, for any targets. A line a kernel and target: registers, bytes spilled to local memory, instructions,
// and of the loop that holds most matrix instructions (else of the longest one) what it runs each time round, a thread: matrix, shared loads,
// copies, global loads and stores, floating point, the rest (addresses, counters, waits), and in brackets what a branch may skip.
// --against: the same of another library in the line below, for kernels of the same name.
// Needs cuobjdump and, in its folder or on the PATH, nvdisasm: of a CUDA toolkit, or of pip's nvidia-cuda-cuobjdump and nvidia-cuda-nvdisasm.
// CUOBJDUMP names a cuobjdump.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({
  options: { kernel: { type: 'string', default: '' }, against: { type: 'string' } },
  allowPositionals: true,
})
if (positionals.length !== 1) fail(`One library is read. Got ${positionals.length}: name it as the first argument.`)
const tool = process.env.CUOBJDUMP ?? (process.env.NVCC ? path.join(path.dirname(process.env.NVCC), 'cuobjdump') : 'cuobjdump')

/** cuobjdump looks for nvdisasm on the PATH only. */
const env = { ...process.env, PATH: [...(tool.includes('/') ? [path.dirname(tool)] : []), process.env.PATH].join(path.delimiter) }

const kinds = [
  ['matrix', /^(HMMA|HGMMA|IMMA)/],
  ['shared', /^(LDS|LDSM|STS|ATOMS)/],
  ['copies', /^(LDGSTS|UBLKCP|UTMA)/],
  ['global', /^(LDG|STG|ATOMG|RED|LD\.|ST\.|LDL|STL)/],
  ['float', /^(FADD|FMUL|FFMA|FSETP|FMNMX|FSEL|MUFU|DADD|DMUL|DFMA|DSETP|F2F|F2I|I2F|F2FP)/],
]

function dump(library, ...args) {
  const run = spawnSync(tool, [...args, library], { encoding: 'utf8', maxBuffer: 2 ** 30, env })
  if (run.error) fail(`${tool} does not start (${run.error.message}). Set CUOBJDUMP to cuobjdump.`)
  if (run.status !== 0) fail(`${tool} failed: ${run.stderr.trim()}`)
  return run.stdout
}

/** Name with template arguments of a mangled kernel of pr1::cuda. */
function plain(mangled) {
  const at = mangled.match(/^_ZN3pr14cuda(\d+)/)
  if (!at) return mangled
  const start = at[0].length
  const name = mangled.slice(start, start + Number(at[1]))
  const numbers = mangled.slice(start + name.length).match(/^I((?:L[a-z]\d+E)+)E/)
  return numbers ? `${name}<${[...numbers[1].matchAll(/L[a-z](\d+)E/g)].map((m) => m[1]).join(', ')}>` : name
}

/** kernel and target → figures. */
function read(library) {
  if (!existsSync(library)) fail(`${library} is not there. Build it with npm run build:cuda.`)
  const kernels = new Map()
  let target = ''
  for (const line of dump(library, '-res-usage').split('\n')) {
    target = line.match(/arch = (sm_\w+)/)?.[1] ?? target
    const name = line.match(/Function (\S+):/)?.[1]
    if (name) kernels.set(`${plain(name)} ${target}`, {})
    const use = line.match(/REG:(\d+) STACK:(\d+).*LOCAL:(\d+)/)
    if (use) Object.assign([...kernels.values()].at(-1), { registers: Number(use[1]), spilled: Number(use[2]) + Number(use[3]) })
  }
  let current
  for (const line of dump(library, '-sass').split('\n')) {
    target = line.match(/arch = (sm_\w+)/)?.[1] ?? target
    const name = line.match(/Function : (\S+)/)?.[1]
    if (name) {
      current = kernels.get(`${plain(name)} ${target}`) ?? {}
      current.code = []
    }
    const code = line.match(/^\s+\/\*([0-9a-f]{4,})\*\/\s+(@!?U?P\d\s+)?([A-Z][\w.]*)\s*(.*?);/)
    if (code) current?.code.push({ at: Number.parseInt(code[1], 16), if: Boolean(code[2]), op: code[3], args: code[4] })
  }
  return kernels
}

function hotLoop(code) {
  const index = new Map(code.map((c, i) => [c.at, i]))
  const targetOf = (c) =>
    c.op.startsWith('BRA') ? index.get(Number.parseInt(c.args.match(/0x([0-9a-f]+)\s*$/)?.[1] ?? 'x', 16)) : undefined
  const loops = []
  for (const [end, c] of code.entries()) {
    const begin = targetOf(c)
    if (begin !== undefined && begin < end)
      loops.push({ begin, end, matrix: code.slice(begin, end).filter((x) => kinds[0][1].test(x.op)).length })
  }
  if (loops.length === 0) return null
  const most = Math.max(...loops.map((l) => l.matrix))
  const size = (l) => l.end - l.begin
  const best = loops.filter((l) => l.matrix === most).sort((a, b) => (most > 0 ? size(a) - size(b) : size(b) - size(a)))[0]
  const counts = { always: {}, sometimes: {} }
  let until = 0
  for (let i = best.begin; i <= best.end; i++) {
    const { op } = code[i]
    const kind = kinds.find(([, pattern]) => pattern.test(op))?.[0] ?? 'rest'
    const where = i < until ? counts.sometimes : counts.always
    where[kind] = (where[kind] ?? 0) + 1
    const to = targetOf(code[i])
    if (i >= until && code[i].if && to !== undefined && to > i) until = Math.min(to, best.end)
  }
  return counts
}

function show(name, kernel) {
  const loop = hotLoop(kernel.code ?? [])
  const text = loop
    ? [...kinds.map(([kind]) => kind), 'rest']
        .filter((kind) => loop.always[kind] || loop.sometimes[kind])
        .map((kind) => `${kind} ${loop.always[kind] ?? 0}${loop.sometimes[kind] ? ` [+${loop.sometimes[kind]}]` : ''}`)
        .join(', ')
    : 'no loop'
  const sum = (counts) => Object.values(counts).reduce((a, b) => a + b, 0)
  const total = loop ? `${sum(loop.always)} [+${sum(loop.sometimes)}]: ` : ''
  console.log(
    `${name}: ${kernel.registers} registers, ${kernel.spilled} B spilled, ${kernel.code?.length ?? 0} instructions; loop ${total}${text}`,
  )
}

const here = read(positionals[0])
const there = values.against ? read(values.against) : new Map()
for (const [name, kernel] of [...here].sort(([a], [b]) => (a < b ? -1 : 1))) {
  if (!name.includes(values.kernel)) continue
  show(name, kernel)
  if (there.has(name)) show('  against', there.get(name))
}

function fail(message) {
  console.error(`sass: ${message}`)
  process.exit(1)
}
