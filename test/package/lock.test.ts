import { readFileSync } from 'node:fs'
import semver from 'semver'
import { expect, it } from 'vitest'

interface Locked {
  version: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
  peerDependencies?: Record<string, string>
}
interface Manifest {
  overrides: Record<string, string | Record<string, string>>
}

const read = (file: string): unknown => JSON.parse(readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8'))

/** The place where Node finds a package that the package at `place` asks for. */
function resolve(packages: Record<string, Locked>, place: string, name: string): string | undefined {
  for (let folder = place; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`
    if (candidate in packages) return candidate
    if (folder === '') return undefined
  }
}

/**
 * npm 11 and 12 write and accept a lock in which an optional peer is out of its range. `npm ci` of npm 10, which Node 20
 * and 22 bring, calls the same lock out of sync and installs nothing. An entry in `overrides` settles it for all of them.
 */
it('every peer in the lock is in its range, so that npm ci of every npm takes it', () => {
  const { packages } = read('package-lock.json') as { packages: Record<string, Locked> }
  const { overrides } = read('package.json') as Manifest
  const wrong = Object.entries(packages).flatMap(([place, { peerDependencies = {} }]) => {
    const own = overrides[place.slice(place.lastIndexOf('node_modules/') + 'node_modules/'.length)]
    return Object.entries(peerDependencies).flatMap(([name, range]) => {
      const found = resolve(packages, place, name)
      const wanted = (typeof own === 'object' && own[name]) || range
      if (!found || semver.satisfies(packages[found].version, wanted, { includePrerelease: true })) return []
      return [`${place} asks for ${name} ${wanted} and gets ${packages[found].version}`]
    })
  })
  expect(wrong).toEqual([])
})

/** npm install leaves an optional dependency out that it did not find in the registry. npm ci then calls the lock out of sync. */
it('every dependency in the lock is in it, an optional one too', () => {
  const { packages } = read('package-lock.json') as { packages: Record<string, Locked> }
  const missing = Object.entries(packages).flatMap(([place, { dependencies, optionalDependencies }]) =>
    Object.keys({ ...dependencies, ...optionalDependencies })
      .filter((name) => resolve(packages, place, name) === undefined)
      .map((name) => `${place} asks for ${name}`),
  )
  expect(missing).toEqual([])
})
