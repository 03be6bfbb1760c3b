// npm run release: lays out this package as it is published, npm/parallel-r1: what `npm pack` takes, with the package of every
// platform, of exactly this version, as an optional dependency. The checkout's package.json names none: `npm ci` would ask the
// registry for packages that are not published yet.
//   --platforms A,B      these only (default: all); their packages must lie in npm/, made by scripts/prebuild.mjs
//   --repository O/N     the GitHub repository, for provenance
//   --out FOLDER         instead of npm/

import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { packageOf, platforms, repositoryField, root } from './platforms.mjs'

const { values } = parseArgs({
  options: {
    platforms: { type: 'string', default: platforms.join(',') },
    repository: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'npm') },
  },
})
const out = path.resolve(values.out)
const folder = path.join(out, 'parallel-r1')
run(process.execPath, [path.join(root, 'scripts/build.mjs'), '--if-needed'])
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const packed = run('npm', ['pack', '--json', '--ignore-scripts', '--pack-destination', out])
const [{ filename }] = JSON.parse(packed.slice(packed.indexOf('[')))
const tarball = path.join(out, path.basename(filename))
run('tar', ['-xzf', tarball, '-C', folder, '--strip-components=1'])
rmSync(tarball)

const file = path.join(folder, 'package.json')
const { scripts, devDependencies: _, workspaces: __, ...manifest } = JSON.parse(readFileSync(file, 'utf8'))
const released = {
  ...manifest,
  ...repositoryField(values.repository),
  // Building and testing belong to the checkout.
  scripts: { install: scripts.install },
  optionalDependencies: { ...manifest.optionalDependencies, ...Object.fromEntries(values.platforms.split(',').map(dependency)) },
}
writeFileSync(file, `${JSON.stringify(released, null, 2)}\n`)
console.log(`parallel-r1 ${manifest.version} in ${folder}, with ${values.platforms}`)

/** Name and exact version of a platform's package, which must be there and whole. */
function dependency(platform) {
  const own = path.join(out, platform)
  const missing = ['package.json', 'parallel_r1.node'].find((name) => !existsSync(path.join(own, name)))
  if (missing) fail(`${path.join(own, missing)} is missing. Run scripts/prebuild.mjs on ${platform}, or leave it out with --platforms.`)
  const { version } = JSON.parse(readFileSync(path.join(own, 'package.json'), 'utf8'))
  if (version !== manifest.version)
    fail(`${own} is of version ${version}, this package of ${manifest.version}. Run scripts/prebuild.mjs again.`)
  return [packageOf(platform), version]
}

function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' })
  if (result.status !== 0) fail(`${command} ${args[0]} failed (${result.error?.message ?? `exit code ${result.status}`}).`)
  return result.stdout
}

function fail(message) {
  console.error(`release: ${message}`)
  process.exit(1)
}
