// node bench/cuda-bytes.mjs [--shape qwen3-4b] [--batch 1] [--context 2000] [--multiprocessors 132]: what a decode step of native/cuda moves,
// counted from the shapes and from the choices of CudaOps::product, without a GPU. A line a product: the kernel, blocks, weights from memory,
// operands that blocks read again (from the cache where it holds them), and sums of a product that is split along k, written and read.
// Then the step: launches a layer, bytes from memory, and the share of them that is weights. No time is given: divide by a bandwidth that was measured.
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    shape: { type: 'string', default: 'qwen3-4b' },
    batch: { type: 'string', default: '1' },
    context: { type: 'string', default: '2000' },
    multiprocessors: { type: 'string', default: '132' },
  },
})
const shapes = JSON.parse(readFileSync(path.join(path.dirname(fileURLToPath(import.meta.url)), 'shapes.json'), 'utf8'))
const shape = shapes[values.shape]
if (!shape) fail(`--shape must be one of ${Object.keys(shapes).join(', ')}. Got ${values.shape}.`)
const [N, context, multiprocessors] = ['batch', 'context', 'multiprocessors'].map((name) => {
  const n = Number(values[name])
  if (!Number.isInteger(n) || n < 1) fail(`--${name} must be a whole number from 1 on. Got ${values[name]}.`)
  return n
})
const { vocabSize: V, hiddenSize: C, layers, heads, kvHeads, headDim: D, intermediateSize: F } = shape.sizes
const chunk = 512
const up = (n, of) => Math.ceil(n / of)

/** As CudaOps::product and tiles choose. */
function product(name, M, K) {
  const chunks = up(K, chunk)
  if (N <= 16) return { name, kernel: `gemm_few<${N <= 8 ? 1 : 2}>`, M, K, blocks: up(M, 16), perBlock: N, splits: 1, parts: 0 }
  const large = up(M, 128) * up(N, 128)
  const [BM, BN] = N <= 32 ? [128, 32] : N <= 64 ? [128, 64] : large >= multiprocessors ? [128, 128] : [64, 64]
  const count = up(M, BM) * up(N, BN)
  let splits = count >= multiprocessors || BN === 128 ? 1 : Math.min(chunks, up(multiprocessors, count))
  const kept = 1 + chunks - Math.floor(chunks / splits)
  if (kept * N * M > 2 ** 23) splits = 1
  return {
    name,
    kernel: `gemm_tiles<${BM}, ${BN}>`,
    M,
    K,
    blocks: count * splits,
    perBlock: Math.min(N, BN) / splits,
    splits,
    parts: splits > 1 ? kept : 0,
  }
}

const inLayer = [
  product('q, k, v', (heads + 2 * kvHeads) * D, C),
  product('o', C, heads * D),
  product('gate, up', 2 * F, C),
  product('down', C, F),
]
const products = [...inLayer, product('head', V, C)]
const mega = (bytes) => `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 1)} MB`
const weights = (p) => p.M * up(p.K, 64) * 64 * 2
for (const p of products) {
  const split = p.parts ? `, ${p.splits} splits: ${p.parts} sums, ${mega(2 * 4 * p.parts * N * p.M)}` : ''
  console.log(
    `${p.name}: ${p.kernel}, ${p.blocks} blocks, weights ${mega(weights(p))}, operands ${mega(p.blocks * p.perBlock * p.K * 2)}${split}`,
  )
}
// Norm, q k v, rotation with the cache, chunks of attention, their fold, o, norm, gate and up, the gate, down.
const launches = 10 + inLayer.filter((p) => p.parts).length
const all = layers * inLayer.reduce((sum, p) => sum + weights(p), 0) + weights(products.at(-1))
const cache = layers * N * context * 2 * kvHeads * D * 2
console.log(`${values.shape}, batch ${N}, ${context} keys each: ${launches} launches a layer, ${layers * launches} in all layers`)
console.log(
  `from memory: weights ${mega(all)}, keys and values ${mega(cache)}, in all ${mega(all + cache)}, ${((100 * all) / (all + cache)).toFixed(0)} % weights`,
)

function fail(message) {
  console.error(`cuda-bytes: ${message}`)
  process.exit(1)
}
