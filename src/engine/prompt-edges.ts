/**
 * How the prompts of training began and ended, as token ids. A prompt that ends in a token that no training prompt ended in is
 * usually written in another form: without the line break, without the chat template. Texts that end freely say nothing of
 * their form, so only a short list is kept.
 */

export interface PromptEdges {
  /** Ids that training prompts began with, ascending; empty where they were too many to be a form. */
  firstIds: readonly number[]
  /** Ids that training prompts ended with; likewise. */
  lastIds: readonly number[]
}

type Edge = keyof PromptEdges

export const edgeNames = ['firstIds', 'lastIds'] as const satisfies readonly Edge[]

/** More different ids than this are free text. */
const most = 8

/** So many prompts must there be for each id, or the list may miss one by chance. */
const promptsPerId = 4

/** The edges of a set of prompts, none of them empty. */
export function edgesOf(prompts: readonly (readonly number[])[]): PromptEdges {
  const closed = (ids: number[]): number[] => {
    const different = ascending(ids)
    return different.length <= most && different.length * promptsPerId <= ids.length ? different : []
  }
  return { firstIds: closed(prompts.map((ids) => ids[0])), lastIds: closed(prompts.map((ids) => ids[ids.length - 1])) }
}

/** The edges of earlier and later training together. An empty list stays empty. */
export function joinEdges(earlier: PromptEdges | undefined, later: PromptEdges): PromptEdges {
  if (!earlier) return later
  const join = (edge: Edge): number[] => {
    const ids = ascending([...earlier[edge], ...later[edge]])
    return earlier[edge].length === 0 || later[edge].length === 0 || ids.length > most ? [] : ids
  }
  return { firstIds: join('firstIds'), lastIds: join('lastIds') }
}

/** The edge at which a prompt is unlike every prompt of training, undefined where there is none. The end comes first: it decides how the response starts. */
export function strangeEdge(edges: PromptEdges, prompt: readonly number[]): { edge: Edge; id: number } | undefined {
  const last = prompt[prompt.length - 1]
  if (edges.lastIds.length > 0 && !edges.lastIds.includes(last)) return { edge: 'lastIds', id: last }
  if (edges.firstIds.length > 0 && !edges.firstIds.includes(prompt[0])) return { edge: 'firstIds', id: prompt[0] }
  return undefined
}

function ascending(ids: readonly number[]): number[] {
  return [...new Set(ids)].sort((a, b) => a - b)
}
