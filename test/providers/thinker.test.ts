import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Checkpoint } from '../../src/engine/checkpoint/folder.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { applyTestOptions, parseThinkingConfig, promptIds, requestSeed, toRequest } from '../../src/providers/thinker.ts'
import { TAG_TOKENS } from '../../src/thinking/tags.ts'
import type { TagIds } from '../../src/thinking/types.ts'

const TAGS: TagIds = { parallel: 200, parallelEnd: 201, path: 202, pathEnd: 203, summary: 204, summaryEnd: 205, newline: [10], eos: [0] }

/** A checkpoint whose tokens are character codes, `^` the start token; the template marks roles as `role:content|`. */
function checkpoint(parts: { template?: boolean; tags?: boolean; parallel?: object; maxPositions?: number } = {}): Checkpoint {
  const tagged = parts.tags ?? true
  const encode = (text: string, { addSpecial = false } = {}): number[] => {
    const tag = TAG_TOKENS.indexOf(text)
    if (tagged && tag >= 0) return [200 + tag]
    return [...(addSpecial && text ? '^' : ''), ...text].map((character) => character.charCodeAt(0))
  }
  return {
    folder: 'models/toy',
    config: { maxPositions: parts.maxPositions ?? 4096 },
    tokenizer: { encode, idOf: (token: string) => (tagged && TAG_TOKENS.includes(token) ? 200 + TAG_TOKENS.indexOf(token) : undefined) },
    chatTemplate: parts.template
      ? {
          render: (messages: { role: string; content: string }[], { addGenerationPrompt }: { addGenerationPrompt: boolean }) =>
            messages.map(({ role, content }) => `${role}:${content}|`).join('') + (addGenerationPrompt ? 'assistant:' : ''),
        }
      : undefined,
    generation: { eosTokenIds: [0] },
    parallel: parts.parallel,
  } as unknown as Checkpoint
}

const config = (raw: object = {}) => parseThinkingConfig(raw, 'the config')
const text = (ids: number[]) => String.fromCharCode(...ids)

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
      attention: 'causal',
      paths: 16,
      maxBlocks: 0,
      maxTokens: 500,
      pathTokens: 100,
      blockTokens: 300,
      criticalPathTokens: 200,
      answerReserve: 0,
      temperature: 0,
      topK: 20,
      topP: 0.9,
      seed: -3,
      device: 'cpu',
      precision: 'f32',
      numerics: 'exact',
      threads: 2,
      cacheTokens: 1024,
      system: '',
      chatTemplate: false,
      showTags: false,
    }
    const { basePath: _, ...rest } = raw
    expect(config(raw)).toEqual(rest)
  })

  it.each([
    [{ temprature: 1 }, 'Did you mean "temperature"?'],
    [{ max_tokens: 1 }, 'Did you mean "maxTokens"?'],
    [{ paths: 17 }, 'from 1 to 16. Got 17'],
    [{ mode: 'Parallel' }, 'Did you mean "parallel"?'],
    [{ numerics: 'exakt' }, 'Did you mean "exact"?'],
    [{ numerics: 'loose' }, '"numerics" in the config must be one of exact, fast. Got "loose". Use one of them.'],
    [{ topP: 0 }, 'above 0'],
    [{ temperature: -1 }, 'Got -1'],
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

describe('promptIds', () => {
  const chat = JSON.stringify([
    { role: 'system', content: 'S' },
    { role: 'user', content: [{ type: 'text', text: 'U' }] },
  ])

  it('renders a plain prompt as the user message, the system option before it', () => {
    const ids = promptIds(checkpoint({ template: true }), config({ system: 'be brief' }), 'hi')
    expect(text(ids)).toBe('system:be brief|user:hi|assistant:')
  })

  it('understands chat messages in JSON', () => {
    expect(text(promptIds(checkpoint({ template: true }), config(), chat))).toBe('system:S|user:U|assistant:')
    expect(text(promptIds(checkpoint(), config(), chat))).toBe('^S\n\nU')
  })

  it('takes the prompt as it is without a template or with it turned off', () => {
    expect(text(promptIds(checkpoint(), config(), '1 2 3\n'))).toBe('^1 2 3\n')
    expect(text(promptIds(checkpoint({ template: true }), config({ chatTemplate: false, system: 'S' }), 'hi'))).toBe('^S\n\nhi')
  })

  it.each(['[1, 2, 3]', '[', '[]', '[{"role":"user"}]', '{"role":"user","content":"x"}'])('does not mistake %j for a chat', (prompt) => {
    expect(text(promptIds(checkpoint(), config(), prompt))).toBe(`^${prompt}`)
  })

  it('refuses an empty prompt and a checkpoint without tokenizer', () => {
    expect(() => promptIds(checkpoint(), config(), '')).toThrow('at least one token')
    expect(() => promptIds({ ...checkpoint(), tokenizer: undefined }, config(), 'x')).toThrow('needs a tokenizer')
  })
})

describe('toRequest', () => {
  const saved = { attention: 'structured', tags: TAGS, budgets: { response: 300, path: 50 }, paths: 3, maxBlocks: 2 }

  it('prefers the config, then the checkpoint, then a default', () => {
    const request = toRequest(config({ paths: 5, pathTokens: 60 }), checkpoint({ parallel: saved }), [1, 2], 7)
    expect(request).toMatchObject({
      mode: 'parallel',
      attention: 'structured',
      tags: TAGS,
      paths: 5,
      maxBlocks: 2,
      seed: 7,
      promptIds: [1, 2],
    })
    expect(request.budgets).toMatchObject({ response: 300, path: 60 })
    expect(toRequest(config(), checkpoint(), [1], 0)).toMatchObject({ attention: 'causal', tags: TAGS, paths: 2, maxBlocks: 4 })
  })

  it('keeps within the positions of the model: the critical path under structured attention, the response otherwise', () => {
    const prompt = Array.from({ length: 90 }, () => 1)
    const structured = toRequest(config({ maxTokens: 200 }), checkpoint({ parallel: saved, maxPositions: 100 }), prompt, 0)
    expect(structured.budgets).toMatchObject({ response: 200, criticalPath: 10 })
    const sequential = toRequest(
      config({ maxTokens: 200, mode: 'sequential' }),
      checkpoint({ parallel: saved, maxPositions: 100 }),
      prompt,
      0,
    )
    expect(sequential.budgets.response).toBe(10)
    expect(() => toRequest(config(), checkpoint({ maxPositions: 90 }), prompt, 0)).toThrow('leaves no room')
  })

  it('refuses an attention mode that the checkpoint contradicts, takes it where the checkpoint says nothing', () => {
    expect(() => toRequest(config({ attention: 'causal' }), checkpoint({ parallel: saved }), [1], 0)).toThrow('which says structured')
    expect(toRequest(config({ attention: 'structured' }), checkpoint(), [1], 0).attention).toBe('structured')
  })

  it('decodes a checkpoint without tags sequentially only', () => {
    expect(() => toRequest(config(), checkpoint({ tags: false }), [1], 0)).toThrow('Use mode: sequential')
    expect(toRequest(config({ mode: 'sequential' }), checkpoint({ tags: false }), [1], 0).tags.eos).toEqual([0])
  })
})

describe('requestSeed', () => {
  it('is a safe integer that depends on seed, repeat and prompt only', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), fc.nat(100), fc.array(fc.nat(200_000), { minLength: 1 }), (seed, repeat, prompt) => {
        const got = requestSeed(seed, repeat, prompt)
        expect(Number.isSafeInteger(got)).toBe(true)
        expect(got).toBeGreaterThanOrEqual(0)
        expect(requestSeed(seed, repeat, [...prompt])).toBe(got)
        expect(requestSeed(seed, repeat + 1, prompt)).not.toBe(got)
        expect(requestSeed(seed, repeat, [...prompt, 1])).not.toBe(got)
      }),
    )
  })

  it('does not collide on a grid of near inputs', () => {
    const seen = new Set<number>()
    for (let seed = -5; seed < 20; seed++) {
      for (let repeat = 0; repeat < 40; repeat++) for (let id = 0; id < 40; id++) seen.add(requestSeed(seed, repeat, [id, 40 - id]))
    }
    expect(seen.size).toBe(25 * 40 * 40)
  })
})
