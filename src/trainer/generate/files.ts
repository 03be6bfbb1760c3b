/** What stands in the folder of a stage of `kind: generate`. */

export const ANSWERS_FILE = 'answers.jsonl'
export const KEPT_FILE = 'kept.jsonl'
export const TAG_FREE_FILE = 'kept-tag-free.jsonl'
export const REJECTED_FILE = 'rejected.jsonl'
export const CARD_FILE = 'card.json'
export const PAGE_FILE = 'README.md'
