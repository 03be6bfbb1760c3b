import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { editDistance, nearestName, nearestPath } from '../src/nearest-name.ts'

describe('editDistance', () => {
  it('counts insertions, deletions, substitutions and swaps', () => {
    expect(editDistance('', 'abc')).toBe(3)
    expect(editDistance('paths', 'path')).toBe(1)
    expect(editDistance('tempreature', 'temperature')).toBe(1)
    expect(editDistance('kitten', 'sitting')).toBe(3)
  })

  it('is symmetric, zero only for equal texts, and at most the longer length', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 12 }), fc.string({ maxLength: 12 }), (a, b) => {
        const distance = editDistance(a, b)
        expect(distance).toBe(editDistance(b, a))
        expect(distance === 0).toBe(a === b)
        expect(distance).toBeLessThanOrEqual(Math.max(a.length, b.length))
        expect(distance).toBeGreaterThanOrEqual(Math.abs(a.length - b.length))
      }),
    )
  })

  it('is one after one edit', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 12 }), fc.nat(), (text, at) => {
        const i = at % text.length
        expect(editDistance(text, text.slice(0, i) + text.slice(i + 1))).toBe(1)
      }),
    )
  })
})

describe('nearestName', () => {
  const names = ['temperature', 'topP', 'topK', 'maxTokens', 'paths']

  it('finds slips and other spellings, not strangers', () => {
    expect(nearestName('temprature', names)).toBe('temperature')
    expect(nearestName('max_tokens', names)).toBe('maxTokens')
    expect(nearestName('top-p', names)).toBe('topP')
    expect(nearestName('path', names)).toBe('paths')
    expect(nearestName('organization', names)).toBeUndefined()
  })
})

describe('nearestPath', () => {
  it('mends a slip in any part of a path, and says nothing where nothing is near', () => {
    const home = mkdtempSync(path.join(os.tmpdir(), 'pr1-near-'))
    try {
      mkdirSync(path.join(home, 'models', 'Qwen3-0.6B'), { recursive: true })
      writeFileSync(path.join(home, 'train.yaml'), '')
      expect(nearestPath(path.join(home, 'model', 'qwen3-0.6b'))).toBe(path.join(home, 'models', 'Qwen3-0.6B'))
      expect(nearestPath(path.join(home, 'trian.yaml'))).toBe(path.join(home, 'train.yaml'))
      expect(nearestPath(path.join(home, 'models', 'gemma-3'))).toBeUndefined()
      expect(nearestPath(path.relative(process.cwd(), path.join(home, 'trian.yaml')))).toBe(
        path.relative(process.cwd(), path.join(home, 'train.yaml')),
      )
      expect(nearestPath('pakage.json')).toBe('package.json')
    } finally {
      rmSync(home, { recursive: true })
    }
  })
})
