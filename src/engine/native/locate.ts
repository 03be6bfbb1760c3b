/** Where the compiled addon may lie, and what to say where it does not. */

import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { firstLine } from '../../show.ts'
import { UnavailableError } from '../errors.ts'

const platform = `${process.platform}-${process.arch}`

/** What scripts/install.mjs leaves in build/ where it could not compile: the tools it missed. */
const NOTE = path.join('build', 'not-built.txt')

/**
 * Loads the addon of the package at `root`: the one compiled here, else the one of the platform's package, else a prebuilt one.
 * A file that does not load here (another C library, say) is passed over. Throws `UnavailableError` with each reason and the way out.
 */
export function requireAddon(root: string): unknown {
  const require = createRequire(path.join(root, 'package.json'))
  const failures: string[] = []
  for (const { name, find } of candidates(root, require)) {
    try {
      const file = find()
      if (file !== undefined) return require(file)
    } catch (error) {
      failures.push(`${name} does not load (${firstLine(error)})`)
    }
  }
  throw new UnavailableError(
    `The native engine is not there for ${platform}: ${failures.join('; ') || 'it was not compiled, and no compiled one is installed'}. ${wayOut(root)}`,
  )
}

interface Candidate {
  name: string
  /** The file; undefined where there is none. */
  find(): string | undefined
}

function candidates(root: string, require: NodeJS.Require): Candidate[] {
  const inPackage = (...parts: string[]): Candidate => {
    const file = path.join(root, ...parts, 'parallel_r1.node')
    return { name: path.relative(root, file), find: () => (existsSync(file) ? file : undefined) }
  }
  const name = `@parallel-r1/${platform}`
  return [inPackage('build', 'Release'), { name, find: () => ofSameVersion(name, root, require) }, inPackage('prebuilds', platform)]
}

/** Addon and JavaScript are one interface: a package of another version is refused. */
function ofSameVersion(name: string, root: string, require: NodeJS.Require): string | undefined {
  let manifest: string
  try {
    manifest = require.resolve(`${name}/package.json`)
  } catch {
    return undefined
  }
  const version = (file: string): unknown => JSON.parse(readFileSync(file, 'utf8')).version
  const [theirs, ours] = [version(manifest), version(path.join(root, 'package.json'))]
  if (theirs !== ours) throw new Error(`it is of version ${theirs}, parallel-r1 of version ${ours}`)
  return path.join(path.dirname(manifest), 'parallel_r1.node')
}

function wayOut(root: string): string {
  const again = existsSync(path.join(root, 'src')) ? '`npm run build:native`' : '`npm rebuild parallel-r1`'
  const note = path.join(root, NOTE)
  if (existsSync(note)) {
    return `When it was to be compiled, this was missing: ${readFileSync(note, 'utf8').trim()}. Install it, then run ${again}.`
  }
  return (
    `Compile it: ${again}; it needs a C++17 compiler, make and Python 3. ` +
    'npm 12 and later run no install script that is not approved: `npm install-scripts approve parallel-r1` first. See docs/install.md.'
  )
}
