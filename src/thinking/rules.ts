/** The rules of the tag grammar and their violations. */

/**
 * What can be wrong, where the offset points, and how parsing goes on. "Ignored" tags stay inside the text around them,
 * together with the tag that closes them.
 */
export const RULES = {
  'stray-close': 'a closing tag with nothing of its kind open; at the tag, which is ignored',
  'path-outside-block': '<Path> in free text, after </Parallel> or in a summary; at the tag, which is ignored',
  'nested-path': '<Path> inside a path; at the inner tag, which is ignored',
  'nested-block': '<Parallel> inside a block; at the inner tag, which is ignored',
  'block-in-summary': '<Parallel> inside a summary (or the summary is not closed); at the tag: the summary ends there and a block begins',
  'text-in-block': 'text between the tags inside a block; where the text begins',
  'outline-outside-block': '<Outline> in free text, after </Parallel> or in a summary; at the tag, which is ignored',
  'nested-outline': '<Outline> inside an outline; at the inner tag, which is ignored',
  'late-outline': '<Outline> in or behind a path of its block; at the tag, which is ignored',
  'path-in-outline': '<Path> inside an outline; at the tag, which is ignored',
  'empty-outline': 'an outline of white space or nothing; at its <Outline>',
  'identical-outlines': 'an outline that says what an earlier one of its block says (outer white space ignored); at its <Outline>',
  'unclosed-outline': 'an outline that </Parallel> or the end cuts off; at its <Outline>',
  'outline-count': 'a block with more or fewer outlines than paths; at its <Parallel>',
  'missing-outlines': 'a block without outlines where they are asked for; at its <Parallel>',
  'no-path': 'a block without a path; at its <Parallel>',
  'too-few-paths': 'a block with fewer paths than minPaths (but at least one); at its <Parallel>',
  'too-many-paths': 'a block with more paths than maxPaths; at the first path beyond',
  'empty-path': 'a path of white space or nothing; at its <Path>',
  'identical-paths': 'a path that says what an earlier path of its block says (outer white space ignored); at its <Path>',
  'unclosed-path': 'a path that </Parallel> or the end cuts off; at its <Path>',
  'unclosed-block': 'a block that the end cuts off; at its <Parallel>',
  'block-before-summary': 'a second block before the summary of the first; at the second <Parallel>, and the first stays without a summary',
  'missing-summary': 'a block that no summary follows; after its </Parallel>',
  'summary-separator':
    'anything but white space between </Parallel> and <Summary>, in ids anything but one line break; after the </Parallel>',
  'summary-in-block': '<Summary> inside a block; at the tag, which is ignored',
  'summary-without-block': '<Summary> in free text; at the tag, which is ignored',
  'nested-summary': '<Summary> inside a summary; at the inner tag, which is ignored',
  'unclosed-summary': 'a summary that the end cuts off; at its <Summary>',
  'empty-summary': 'a summary of white space or nothing; at its <Summary>',
  'too-many-tags': 'more than 16384 tags (text only); at the first beyond, from which on nothing is read',
  'early-eos': 'an end-of-response id before the last token (ids only); at the id',
} as const

export type Rule = keyof typeof RULES

/** One departure from the grammar. `offset` counts characters (text) or tokens (ids). */
export interface Violation {
  rule: Rule
  offset: number
}

/** A rule in words, without where its offset points. */
const REASONS = Object.fromEntries(Object.entries(RULES).map(([rule, text]) => [rule, text.split('; ')[0]])) as Record<Rule, string>

/** A violation in words. Apart from it, because a text can hold a hundred thousand and a reason lists twenty. */
export const inWords = ({ rule, offset }: Violation): string => `${rule} at offset ${offset}: ${REASONS[rule]}`
