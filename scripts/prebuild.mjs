// npm run build:platform: compiles the addon for this platform and lays out the package of it, npm/<platform>, ready for `npm publish`.
//   --addon FILE         take this addon instead of compiling one
//   --repository O/N     the GitHub repository, for provenance
//   --glibc 2.28         fail where the binary asks for a newer one
//   --out FOLDER         instead of npm/
// One binary serves every CPU of a platform: the instruction set is chosen at run time. On Linux the C++ library is linked in,
// so only glibc matters: at least that of the machine this runs on.

import { spawnSync } from 'node:child_process'
import { copyFileSync, cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { manifest, packageOf, platforms, repositoryField, root } from './platforms.mjs'

const platform = `${process.platform}-${process.arch}`
if (!platforms.includes(platform)) fail(`there is a package for ${platforms.join(', ')}. This is ${platform}.`)
const { values } = parseArgs({
  options: {
    addon: { type: 'string' },
    repository: { type: 'string' },
    glibc: { type: 'string' },
    out: { type: 'string', default: path.join(root, 'npm') },
  },
})
const folder = path.join(path.resolve(values.out), platform)
rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
const file = path.join(folder, 'parallel_r1.node')
if (values.addon) copyFileSync(values.addon, file)
else compile(file)
if (process.platform === 'linux') run('strip', ['--strip-unneeded', file])
const { instructionSets } = createRequire(import.meta.url)(file)
const needs = process.platform === 'linux' ? newestVersions(file) : {}
if (values.glibc && process.platform === 'linux' && !(needs.GLIBC && !newer(needs.GLIBC, values.glibc)))
  fail(`the binary needs glibc ${needs.GLIBC ?? '(objdump did not say)'}, more than ${values.glibc}.`)
copyFileSync(path.join(root, 'LICENSE'), path.join(folder, 'LICENSE'))
writeFileSync(
  path.join(folder, 'README.md'),
  `The compiled engine of [parallel-r1](https://www.npmjs.com/package/parallel-r1) for ${platform}.\n`,
)
writeFileSync(path.join(folder, 'package.json'), `${JSON.stringify(packageJson(), null, 2)}\n`)
console.log(`${packageOf(platform)} ${manifest.version} in ${folder}; on this CPU: ${instructionSets.join(', ')}`)
for (const [name, version] of Object.entries(needs)) console.log(`  needs ${name} ${version}`)

function packageJson() {
  const { version, license, engines } = manifest
  return {
    name: packageOf(platform),
    version,
    description: `The compiled engine of parallel-r1 for ${platform}.`,
    license,
    ...repositoryField(values.repository),
    engines,
    os: [process.platform],
    cpu: [process.arch],
    ...(process.platform === 'linux' && { libc: ['glibc'] }),
    main: 'parallel_r1.node',
    files: ['parallel_r1.node'],
    publishConfig: { access: 'public' },
  }
}

/** In a copy, so that build/ stays as it is: what is linked for others is not what runs here. */
function compile(to) {
  const work = mkdtempSync(path.join(os.tmpdir(), 'pr1-prebuild-'))
  try {
    for (const name of ['native', 'scripts', 'binding.gyp', 'package.json'])
      cpSync(path.join(root, name), path.join(work, name), { recursive: true })
    symlinkSync(path.join(root, 'node_modules'), path.join(work, 'node_modules'))
    const LDFLAGS = process.platform === 'linux' ? '-static-libstdc++ -static-libgcc -Wl,--exclude-libs,ALL' : ''
    run(process.execPath, [path.join(work, 'scripts/install.mjs'), '--from-source'], { ...process.env, LDFLAGS })
    copyFileSync(path.join(work, 'build/Release/parallel_r1.node'), to)
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The newest versions of libraries that a Linux binary asks for. */
function newestVersions(addon) {
  const { stdout = '' } = spawnSync('objdump', ['-T', addon], { encoding: 'utf8' })
  const newest = {}
  for (const [, name, version] of stdout.matchAll(/\b(GLIBC|GLIBCXX|CXXABI)_([\d.]+)/g)) {
    if (newest[name] === undefined || newer(version, newest[name])) newest[name] = version
  }
  return newest
}

function newer(version, than) {
  return version.localeCompare(than, 'en', { numeric: true }) > 0
}

function run(command, args, env = process.env) {
  const result = spawnSync(command, args, { stdio: 'inherit', env })
  if (result.status !== 0) fail(`${command} failed (${result.error?.message ?? `exit code ${result.status}`}).`)
}

function fail(message) {
  console.error(`prebuild: ${message}`)
  process.exit(1)
}
