// Platforms with a package of their own, and where those packages are laid out before they are published.

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '..')
export const manifest = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'))

/** As Node names them. Windows is not among them: see docs/install.md. */
export const platforms = ['linux-x64', 'linux-arm64', 'darwin-arm64', 'darwin-x64']

export const packageOf = (platform) => `@parallel-r1/${platform}`

/** npm's provenance wants the repository that builds a package: `owner/name` becomes the field, nothing becomes nothing. */
export const repositoryField = (repository) =>
  repository ? { repository: { type: 'git', url: `git+https://github.com/${repository}.git` } } : {}
