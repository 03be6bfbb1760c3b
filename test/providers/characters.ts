import type { Checkpoint } from '../../src/engine/checkpoint/folder.ts'
import { OUTLINE_TOKENS, TAG_TOKENS } from '../../src/thinking/tags.ts'
import type { TagIds } from '../../src/thinking/types.ts'

export const TAGS: TagIds = {
  parallel: 200,
  parallelEnd: 201,
  path: 202,
  pathEnd: 203,
  summary: 204,
  summaryEnd: 205,
  newline: [10],
  eos: [0],
}

/** A checkpoint whose tokens are character codes, `^` the start token; the template marks roles as `role:content|`. */
export function checkpoint(
  parts: { template?: boolean; tags?: boolean; outlines?: boolean; parallel?: object; maxPositions?: number } = {},
): Checkpoint {
  const tagged = parts.tags ?? true
  const tags = parts.outlines ? [...TAG_TOKENS, ...OUTLINE_TOKENS] : TAG_TOKENS
  const encode = (text: string, { addSpecial = false } = {}): number[] =>
    text.split(/(<\/?(?:Parallel|Path|Summary|Outline)>)/).flatMap((part, k) => {
      const tag = tags.indexOf(part)
      if (tagged && tag >= 0) return [200 + tag]
      return [...(addSpecial && text && k === 0 ? '^' : ''), ...part].map((character) => character.charCodeAt(0))
    })
  const tokenOf = (id: number): string => (tagged && id >= 200 ? tags[id - 200] : String.fromCharCode(id))
  return {
    folder: 'models/toy',
    config: { maxPositions: parts.maxPositions ?? 4096 },
    tokenizer: {
      ...{ encode, tokenOf, vocabSize: 200 + tags.length, decode: (ids: Iterable<number>) => [...ids].map(tokenOf).join('') },
      idOf: (token: string) => (tagged && tags.includes(token) ? 200 + tags.indexOf(token) : undefined),
    },
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
