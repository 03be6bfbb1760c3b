/** The tags as a tokenizer knows them: six, and the two of outlines where it has them. */

import { ConfigError } from '../engine/errors.ts'
import { OUTLINE_TAGS, TAGS } from './grammar.ts'
import type { TagIds } from './types.ts'

/** The six strings that are added to a tokenizer, each as one token, in the order of their ids. */
export const TAG_TOKENS: readonly string[] = [TAGS.parallel, TAGS.parallelEnd, TAGS.path, TAGS.pathEnd, TAGS.summary, TAGS.summaryEnd]

/** The two more of a model that plans its paths. */
export const OUTLINE_TOKENS: readonly string[] = [OUTLINE_TAGS.outline, OUTLINE_TAGS.outlineEnd]

/** The tags that a tokenizer gets where it lacks them. */
export function wantedTags(outlines: boolean): readonly string[] {
  return outlines ? [...TAG_TOKENS, ...OUTLINE_TOKENS] : TAG_TOKENS
}

/** What {@link tagIdsFrom} needs of a tokenizer. */
export interface TagTokenizer {
  idOf(token: string): number | undefined
  encode(text: string): number[]
}

/**
 * Ids of the tags in a tokenizer. Throws ConfigError where a tag is not exactly one id, where two tags share one, or
 * where the "\n" before a summary encodes to nothing or to a tag.
 */
export function tagIdsFrom(tokenizer: TagTokenizer, eosIds: readonly number[]): TagIds {
  const one = (tag: string): number => {
    const id = tokenizer.idOf(tag)
    const ids = tokenizer.encode(tag)
    if (id === undefined || ids.length !== 1 || ids[0] !== id) {
      const got = id === undefined ? `no such token, text ids [${ids.join(', ')}]` : `token ${id}, text ids [${ids.join(', ')}]`
      throw new ConfigError(`Each tag must be exactly one token. Got for ${tag}: ${got}. Add the six tags to the tokenizer first.`)
    }
    return id
  }
  const tags: TagIds = {
    parallel: one(TAGS.parallel),
    parallelEnd: one(TAGS.parallelEnd),
    path: one(TAGS.path),
    pathEnd: one(TAGS.pathEnd),
    summary: one(TAGS.summary),
    summaryEnd: one(TAGS.summaryEnd),
    ...outlineIds(tokenizer),
    newline: lineBreak(tokenizer),
    eos: [...eosIds],
  }
  checkTagIds(tags)
  return tags
}

/** Ids of the tags of outlines, nothing where one is not exactly one token: such a model has none. */
function outlineIds(tokenizer: TagTokenizer): Pick<TagIds, 'outline' | 'outlineEnd'> {
  const [outline, outlineEnd] = OUTLINE_TOKENS.map((tag) => {
    const id = tokenizer.idOf(tag)
    return id !== undefined && tokenizer.encode(tag).join() === String(id) ? id : undefined
  })
  return outline === undefined || outlineEnd === undefined ? {} : { outline, outlineEnd }
}

/** Ids of the "\n" between `</Parallel>` and `<Summary>`. Alone it may be others: SentencePiece puts a space before a text. */
function lineBreak(tokenizer: TagTokenizer): number[] {
  return tokenizer.encode(`${TAGS.parallelEnd}\n${TAGS.summary}`).slice(1, -1)
}

/**
 * Tags that a checkpoint names (parallel_r1.json), where its tokenizer says the same. Others would be decoded as text, and text as tags.
 * @throws ConfigError naming the first that differs
 */
export function agreedTags(saved: TagIds, tokenizer: TagTokenizer, file: string): TagIds {
  const own = tagIdsFrom(tokenizer, saved.eos)
  const [said, known] = [tagList(saved), tagList(own)]
  const differs = known.findIndex((id, i) => id !== said[i])
  const wrong = (what: string, got: readonly number[], expected: readonly number[]) =>
    new ConfigError(
      `${file} and the tokenizer beside it must name the same ids. Got [${got.join(', ')}] for ${what}, the tokenizer has [${expected.join(', ')}]. Copy both files from the same checkpoint.`,
    )
  if (differs >= 0) throw wrong(TAG_TOKENS[differs], [said[differs]], [known[differs]])
  for (const [k, name] of (['outline', 'outlineEnd'] as const).entries()) {
    if (saved[name] !== undefined && saved[name] !== own[name])
      throw wrong(OUTLINE_TOKENS[k], [saved[name]], own[name] === undefined ? [] : [own[name]])
  }
  if (saved.newline.join() !== own.newline.join()) throw wrong('the line break', saved.newline, own.newline)
  return saved
}

/** The six tag ids in the order of {@link TAG_TOKENS}. */
export function tagList(tags: TagIds): number[] {
  return [tags.parallel, tags.parallelEnd, tags.path, tags.pathEnd, tags.summary, tags.summaryEnd]
}

/** The same with those of outlines, where there are any. */
export function allTagIds(tags: TagIds): number[] {
  return [...tagList(tags), ...(tags.outline === undefined || tags.outlineEnd === undefined ? [] : [tags.outline, tags.outlineEnd])]
}

/** Throws ConfigError unless the ids are distinct, none ends a response, and the newline has ids that are no tag. */
export function checkTagIds(tags: TagIds): void {
  const ids = allTagIds(tags)
  const count = ids.length === 6 ? 'six' : 'eight'
  if (new Set(ids).size !== ids.length || ids.some((id) => !Number.isSafeInteger(id) || id < 0)) {
    throw new ConfigError(
      `The ${count} tags need ${count} different ids. Got [${ids.join(', ')}]. Add them to the tokenizer as special tokens.`,
    )
  }
  if (tags.newline.length === 0 || tags.newline.some((id) => ids.includes(id) || tags.eos.includes(id))) {
    throw new ConfigError(`A line break needs ids of its own. Got [${tags.newline.join(', ')}] for "\\n". Use a tokenizer that encodes it.`)
  }
  if (tags.eos.length === 0 || tags.eos.some((id) => ids.includes(id))) {
    throw new ConfigError(
      `A response needs an end id that is no tag. Got eos [${tags.eos.join(', ')}]. Set eos_token_id of the checkpoint.`,
    )
  }
}
