import { describe, expect, it } from 'vitest'
import { layoutTrajectory } from '../../../src/thinking/layout.ts'
import type { Trajectory } from '../../../src/thinking/types.ts'
import { lossMask } from '../../../src/trainer/doctor/mask.ts'

/** Every id is a letter. Small letters were sampled, the decoder wrote the others. */
const run = (text: string) => ({
  ids: [...text].map((letter) => letter.charCodeAt(0)),
  sampled: [...text].map((letter) => letter !== letter.toUpperCase()),
  logprobs: [...text].map(() => -1),
  exclusions: [...text].map(() => -1),
})
const trajectory: Trajectory = {
  promptIds: run('QRST').ids,
  segments: [
    { kind: 'text', tokens: run('ab') },
    { kind: 'block', open: run('p'), paths: [run('Pcd'), run('Pe')], close: run('Xsf') },
    { kind: 'text', tokens: run('g') },
  ],
  exclusionSets: [],
  temperature: 1,
}
const decode = (ids: readonly number[]) => String.fromCharCode(...ids)

describe('lossMask', () => {
  it('marks what the model sampled, and not what the decoder wrote', () => {
    const layout = layoutTrajectory(trajectory, 'structured', { loss: 'sampled' })
    expect(lossMask(layout, decode, { color: false })).toBe('QRST⟦abp⟧P⟦cd⟧\nP⟦e⟧X⟦sfg⟧')
  })

  it('marks every token of a response to learn', () => {
    const layout = layoutTrajectory(trajectory, 'structured', { loss: 'response' })
    expect(lossMask(layout, decode, { color: false })).toBe('QRST⟦abpPcd⟧\n⟦PeXsfg⟧')
  })

  it('shows the copies of a causal block where they are packed, with their loss', () => {
    const layout = layoutTrajectory(trajectory, 'causal', { loss: 'sampled' })
    expect(lossMask(layout, decode, { color: false })).toBe('QRST⟦abp⟧P⟦cd⟧PeX⟦sfg⟧\nP⟦e⟧')
  })

  it('cuts a long prompt, and keeps colour within a line', () => {
    const layout = layoutTrajectory(trajectory, 'structured', { loss: 'response' })
    const text = (ids: readonly number[]) => decode(ids).replace('d', '\n').replace('g', '\x1b')
    expect(lossMask(layout, text, { color: true, promptTokens: 2 })).toBe('… ST\x1b[32mabpPc\x1b[39m\n\n\x1b[32mPeXsf␛\x1b[39m')
  })
})
