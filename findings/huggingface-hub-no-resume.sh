#!/usr/bin/env bash
# @huggingface/hub fetches a file that broke off from its first byte again, keeps bytes that do not have the hash that the hub lists,
# refuses a token that does not begin with hf_ (some mirrors give others), writes what it does on standard output, and its
# snapshotDownload takes every file of a repository. The hub's Python client goes on, compares and filters.
# Seen with @huggingface/hub 2.17.5. In the product: src/hub/model.ts is a client of its own.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund --ignore-scripts @huggingface/hub@2.17.5
cat > try.mjs <<'JS'
import { snapshotDownload } from '@huggingface/hub'
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
const sha = 'a'.repeat(40)
const bytes = Buffer.alloc(4_000_000, 1)
const oid = createHash('sha256').update(bytes).digest('hex')
const file = { type: 'file', path: 'model.safetensors', size: bytes.length, oid: sha, lfs: { oid, size: bytes.length, pointerSize: 134 } }
const ranges = []
let faults = []
const server = createServer((request, response) => {
  const json = (value) => response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value))
  if (request.url.includes('/revision/')) return json({ _id: '1', id: 'a/b', sha })
  if (request.url.includes('/tree/') || request.url.includes('/paths-info/')) return json([file])
  const { range } = request.headers
  if (range === 'bytes=0-0') return response.writeHead(206, { etag: oid, 'content-range': `bytes 0-0/${bytes.length}` }).end('\x01')
  ranges.push(range ?? 'whole')
  const fault = faults.shift()
  response.writeHead(200, { 'content-length': bytes.length })
  if (fault === 'cut') response.write(bytes.subarray(0, 3_000_000), () => setTimeout(() => response.destroy(), 100))
  else response.end(fault === 'garble' ? Buffer.alloc(bytes.length, 7) : bytes)
})
await new Promise((done) => server.listen(0, '127.0.0.1', done))
const hubUrl = `http://127.0.0.1:${server.address().port}`
let said = 0
console.debug = () => said++
const get = (cacheDir, more = {}) =>
  snapshotDownload({ repo: 'a/b', hubUrl, cacheDir, ...more }).then((folder) => readFileSync(`${folder}/model.safetensors`)[0], (error) => `refused: ${error?.message ?? error}`)
const found = {}
faults = ['cut']
await get('one')
await get('one')
found['after a cut it asks for'] = ranges.at(-1)
faults = ['garble']
found['first byte kept of a garbled file'] = await get('two')
found['another token'] = await get('three', { accessToken: 'mirror_token' })
found['lines on standard output'] = said
const expected = {
  'after a cut it asks for': 'whole',
  'first byte kept of a garbled file': 7,
  'another token': "refused: Your access token must start with 'hf_'",
  'lines on standard output': 3,
}
for (const [name, value] of Object.entries(found)) {
  console.log(`${name}: ${value}`)
  if (value !== expected[name]) {
    console.log(`  CHANGED: it was ${expected[name]}`)
    process.exitCode = 1
  }
}
server.close()
server.closeAllConnections()
JS
node try.mjs
