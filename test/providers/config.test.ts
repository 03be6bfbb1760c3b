import { describe, expect, it } from 'vitest'
import { ConfigError } from '../../src/engine/errors.ts'
import { applyTestOptions, decodingOverrides, parseThinkingConfig } from '../../src/providers/config.ts'

const config = (raw: object = {}) => parseThinkingConfig(raw, 'the config')

describe('parseThinkingConfig', () => {
  it('has defaults for what every model needs and leaves the rest to the checkpoint', () => {
    expect(config()).toMatchObject({ mode: 'parallel', temperature: 1, seed: 0, device: 'auto', chatTemplate: true, showTags: true })
    expect(config().paths).toBeUndefined()
    expect(parseThinkingConfig(undefined, 'the config').mode).toBe('parallel')
  })

  it('accepts every key, and basePath that promptfoo adds', () => {
    const raw = {
      basePath: 'configs',
      checkpoint: 'models/a',
      mode: 'sequential',
      tags: 'text',
      attention: 'causal',
      paths: 16,
      maxBlocks: 0,
      maxTokens: 500,
      pathTokens: 100,
      blockTokens: 300,
      criticalPathTokens: 200,
      answerReserve: 0,
      thinkTokens: 400,
      settledBy: ' yes',
      temperature: 0,
      topK: 20,
      topP: 0.9,
      seed: -3,
      device: 'cpu',
      precision: 'f32',
      numerics: 'exact',
      threads: 2,
      cacheTokens: 1024,
      speculate: 3,
      system: '',
      chatTemplate: false,
      date: '2025-01-31',
      template: { enable_thinking: false, style: { brief: true } },
      showTags: false,
    }
    const { basePath: _, ...rest } = raw
    expect(config(raw)).toEqual(rest)
  })

  it('takes guesses as they come from YAML and the environment, and names what there is', () => {
    expect([undefined, null, 'auto', false, 'false', 7, '1'].map((speculate) => config({ speculate }).speculate)).toEqual([
      ...[false, false, 'auto', false, false, 7, 1],
    ])
    for (const speculate of [true, 0, 8, 1.5, 'off', 'yes']) {
      expect(() => config({ speculate })).toThrow(
        `"speculate" in the config must be auto, false or an integer from 1 to 7. Got ${JSON.stringify(speculate)}. Write auto, false or a number from 1 to 7.`,
      )
    }
  })

  it('takes a day as YAML 1.1 reads it', () => {
    expect(config({ date: new Date('2025-01-31') }).date).toBe('2025-01-31')
  })

  it.each([
    [{ temprature: 1 }, 'Did you mean "temperature"?'],
    [{ max_tokens: 1 }, 'Did you mean "maxTokens"?'],
    [{ paths: 17 }, 'from 1 to 16. Got 17'],
    [{ mode: 'Parallel' }, 'Did you mean "parallel"?'],
    [{ numerics: 'exakt' }, 'Did you mean "exact"?'],
    [{ numerics: 'loose' }, '"numerics" in the config must be one of exact, fast. Got "loose". Use one of them.'],
    [{ topP: 0 }, 'above 0'],
    [{ date: 'today' }, 'Write a day as YYYY-MM-DD.'],
    [{ date: '2025-02-29' }, 'Write a day as YYYY-MM-DD.'],
    [{ temperature: -1 }, 'Got -1'],
    [{ settledBy: ' ' }, '"settledBy"'],
    [{ settledBy: true }, '"settledBy"'],
  ])('refuses %j', (raw, message) => {
    expect(() => config(raw)).toThrow(ConfigError)
    expect(() => config(raw)).toThrow(message)
  })
})

describe('applyTestOptions', () => {
  const own = { checkpoint: 'a', temperature: 1 }

  it('lays decoding settings over the config and ignores what is meant for promptfoo or other providers', () => {
    const options = {
      temperature: 0.3,
      paths: 4,
      transform: 'output',
      disableVarExpansion: true,
      repeat: 3,
      provider: 'x',
      max_tokens: 5,
      organization: 'o',
    }
    expect(applyTestOptions(own, options)).toEqual({ checkpoint: 'a', temperature: 0.3, paths: 4 })
  })

  it('refuses slips of its own keys and settings of the loaded model', () => {
    expect(() => applyTestOptions(own, { temprature: 0.3 })).toThrow('Did you mean "temperature"?')
    expect(() => applyTestOptions(own, { checkpoint: 'b' })).toThrow('cannot be set for one test')
    expect(() => applyTestOptions(own, { device: 'cpu' })).toThrow(ConfigError)
    expect(() => applyTestOptions(own, { numerics: 'fast' })).toThrow('cannot be set for one test')
  })
})

describe('PR1_DECODING', () => {
  const overrides = (text?: string) => decodingOverrides({ PR1_DECODING: text })

  it('holds settings, one or several', () => {
    expect(overrides()).toEqual({})
    expect(overrides(' ')).toEqual({})
    expect(overrides('temperature=0')).toEqual({ temperature: 0 })
    expect(overrides('temperature=0.6,topP=0.95, seed=-2 maxTokens=64')).toEqual({ temperature: 0.6, topP: 0.95, seed: -2, maxTokens: 64 })
  })

  it.each([
    ['temprature=0', 'PR1_DECODING cannot set "temprature". Did you mean "temperature"?'],
    ['settledBy=yes', 'PR1_DECODING cannot set "settledBy"'],
    ['mode=sequential', 'PR1_DECODING cannot set "mode". There are: paths, '],
    ['device=cpu', 'PR1_DECODING cannot set "device"'],
    ['0', 'PR1_DECODING needs key=value. Got "0"'],
    ['temperature=', 'needs key=value'],
    ['temperature=0=1', 'needs key=value'],
    ['temperature=-1', '"temperature" in PR1_DECODING must be a number of 0 or more. Got -1'],
    ['temperature=Infinity', '"temperature" in PR1_DECODING'],
    ['temperature=cold', '"temperature" in PR1_DECODING'],
    ['seed=0.5', '"seed" in PR1_DECODING'],
  ])('refuses %s', (text, message) => {
    expect(() => overrides(text)).toThrow(ConfigError)
    expect(() => overrides(text)).toThrow(message)
  })
})
