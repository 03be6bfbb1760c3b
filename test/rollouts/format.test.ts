import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { decodeStep, encodeStep, isTruncated, placeOf, RolloutsError, stepFile } from '../../src/rollouts/format.ts'
import { header, rollout } from './steps.ts'

const lines = (...values: unknown[]) =>
  gzipSync(values.map((value) => `${typeof value === 'string' ? value : JSON.stringify(value)}\n`).join(''))
const first = { format: 1, ...header(1), rollouts: 1 }

describe('a step on the disk', () => {
  it('is read back bit for bit, whatever a model wrote', () => {
    const rollouts = [rollout(), rollout({ member: 1, text: '', penalty: 0.1 + 0.2, rewards: [null] })]
    expect(decodeStep(encodeStep(header(40), rollouts), 'f')).toEqual({ header: { format: 1, ...header(40), rollouts: 2 }, rollouts })
    const ended = rollout()
    ended.metadata.tree.blocks = [
      {
        start: 1,
        paths: [
          { text: 'a', tokens: 3 },
          { text: 'b', tokens: 3, ended: 'sibling' },
        ],
        summary: { text: 's', tokens: 3 },
      },
    ]
    ended.metadata.savedTokensAtMost = 7
    expect(decodeStep(encodeStep(header(40), [ended]), 'f').rollouts).toEqual([ended])
    expect(decodeStep(encodeStep(header(40), []), 'f').rollouts).toEqual([])
    const text = { text: 'a', tokens: 3 }
    const tree = { blocks: [{ start: 0, paths: [{ ...text, outline: text }, text], summary: text }] }
    const planned = rollout({ metadata: { ...rollout().metadata, tree } })
    expect(decodeStep(encodeStep(header(40), [planned]), 'f').rollouts).toEqual([planned])
  })

  it('says what is damaged, whichever byte of it is another, and wherever it is cut', () => {
    const whole = encodeStep(header(40), [rollout()])
    for (let at = 10; at < whole.length; at += 7) {
      const bytes = Uint8Array.from(whole)
      bytes[at] ^= 0x10
      expect(() => decodeStep(bytes, 'f.gz'), `byte ${at}`).toThrow(/^f\.gz is damaged: .* The other steps are not touched/)
      expect(() => decodeStep(whole.slice(0, at), 'f.gz'), `cut at ${at}`).toThrow(RolloutsError)
    }
  })

  it.each<[string, Uint8Array, RegExp]>([
    ['no JSON', lines(first, '{'), /line 2 is no JSON/],
    ['lists without end', lines(first, `${'['.repeat(9999)}${']'.repeat(9999)}`), /nested more than 500 deep/],
    ['a number in the place of a text', lines(first, { ...rollout(), text: 3 }), /"text" in line 2 is not what a run writes/],
    ['no reward', lines(first, { ...rollout(), reward: null }), /"reward" in line 2/],
    ['a rollout too few', lines({ ...first, rollouts: 2 }, rollout()), /it has 1 rollouts, not 2/],
    ['nothing', lines(), /line 1 is no JSON/],
    ['a later format', lines({ format: 2 }), /f has format 2, this version reads 1/],
  ])('refuses %s', (_, bytes, message) => {
    expect(() => decodeStep(bytes, 'f')).toThrow(message)
  })

  it('has a name that tells its place', () => {
    const place = { stage: 'rl-2.b-7', step: 40, total: 123 }
    expect(placeOf(stepFile(place))).toEqual(place)
    expect(placeOf(stepFile({ ...place, total: 123456789 }))).toEqual({ ...place, total: 123456789 })
    for (const name of ['run.json', '.00000001-rl-1.jsonl.gz.tmp-1-ab', '1-rl-1.jsonl.gz']) expect(placeOf(name)).toBeUndefined()
  })

  it('knows what a budget ended', () => {
    expect(isTruncated(rollout())).toBe(false)
    expect(isTruncated(rollout({ metadata: { ...rollout().metadata, finishReason: 'length' } }))).toBe(true)
  })
})
