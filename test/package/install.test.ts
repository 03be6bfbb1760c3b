import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { root } from './route.ts'

describe('scripts/install.mjs', () => {
  it.skipIf(process.platform === 'win32')('says what to install where there is no compiler', () => {
    const empty = mkdtempSync(path.join(os.tmpdir(), 'pr1-no-tools-'))
    const run = spawnSync(process.execPath, [path.join(root, 'scripts/install.mjs'), '--from-source'], {
      env: { PATH: empty, HOME: empty },
      encoding: 'utf8',
    })
    rmSync(empty, { recursive: true })
    expect(run.status).toBe(1)
    expect(run.stderr).toContain('Not found: a C++ compiler (c++, g++ or clang++), make, python3.')
    for (const command of [
      'apt-get install build-essential python3',
      'dnf install gcc-c++ make python3',
      'xcode-select --install',
      'npm ci',
    ]) {
      expect(run.stderr).toContain(command)
    }
  })
})
