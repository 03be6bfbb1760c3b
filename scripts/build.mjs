// src/ → dist/ (JavaScript, declarations, and the style and script of the report page), replaced as a whole. --if-needed: only where a source is newer than the last build.

import { spawnSync } from 'node:child_process'
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
const dist = path.join(root, 'dist')
const stamp = path.join(dist, '.built')
if (process.argv.includes('--if-needed') && upToDate()) process.exit(0)

const next = `${dist}.${process.pid}.tmp`
const started = new Date()
// Types are checked by npm run typecheck: a build only strips them, in half the time.
const tsc = spawnSync(process.execPath, [compiler(), '-p', path.join(root, 'tsconfig.build.json'), '--noCheck', '--outDir', next], {
  cwd: root,
  stdio: 'inherit',
})
if (tsc.status !== 0) {
  rmSync(next, { recursive: true, force: true })
  process.exit(tsc.status ?? 1)
}
for (const asset of readdirSync(path.join(root, 'src'), { recursive: true })) {
  if (/\.(css|js)$/.test(asset)) cpSync(path.join(root, 'src', asset), path.join(next, asset))
}
const { bin } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))
for (const file of Object.values(bin)) chmodSync(path.join(next, path.relative('dist', file)), 0o755)
writeFileSync(path.join(next, '.built'), '')
utimesSync(path.join(next, '.built'), started, started)
rmSync(dist, { recursive: true, force: true })
renameSync(next, dist)

function compiler() {
  try {
    return path.resolve(path.dirname(createRequire(import.meta.url).resolve('typescript')), '../bin/tsc')
  } catch {
    console.error('parallel-r1: building dist/ needs the development dependencies. Run "npm ci" without --omit=dev.')
    process.exit(1)
  }
}

function upToDate() {
  if (!existsSync(stamp)) return false
  const built = statSync(stamp).mtimeMs
  const sources = readdirSync(path.join(root, 'src'), { recursive: true, withFileTypes: true })
    .map((entry) => path.join(entry.parentPath, entry.name)) // folders too: a removed file changes its folder
    .concat(['package.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) => path.join(root, name)))
  return sources.every((file) => statSync(file).mtimeMs <= built)
}
