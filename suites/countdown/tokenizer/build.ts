/**
 * Builds the suite's tokenizer: byte-level BPE in Hugging Face's format, so that any text can be encoded.
 *
 * Text is split into groups of one or two digits, words and runs of symbols; words and symbols take the spaces around
 * them. Numbers from 0 to 99 are thus one token wherever they stand, with one embedding each, and `11 + 5 = 16, 16 + 1 = 17
 * yes` is one token a number, one a symbol and one a word. The merges are not learned but written down: they make one token
 * of every piece of this suite's prompts and trajectories. Nothing here is random.
 */

/** What becomes one token besides the numbers, each a whole pre-token. What it takes to build one (its prefixes) is a token as well. */
export const PIECES: readonly string[] = [
  // trajectories
  ' + ',
  ' - ',
  ' * ',
  ' / ',
  ' = ',
  ', ',
  ' yes',
  ' no',
  'none',
  'Final ',
  'Answer',
  ': ',
  // prompt
  'Use ',
  ' once ',
  'each ',
  'with ',
  '+ - * / ',
  'to ',
  'make ',
  '.\n',
]

/** Ids end at a multiple of 16, so that the rows of the embedding matrix need no padding. */
const MULTIPLE = 16

export const EOS = '<|endoftext|>'
export const TAGS: readonly string[] = ['<Parallel>', '</Parallel>', '<Path>', '</Path>', '<Summary>', '</Summary>']

/**
 * One or two digits; a word; symbols with single spaces between them; white space. A space belongs to the word or symbols
 * it touches, the one behind them first.
 */
const SPLIT = '\\p{N}{1,2}| ?\\p{L}+ ?| ?[^\\s\\p{L}\\p{N}]+(?: [^\\s\\p{L}\\p{N}]+)*(?: |\\n)?|\\s+'

/**
 * GPT-2's alphabet: every byte as one printable character. Printable ones of Latin-1 stand for themselves, the others take
 * the characters from 256 on.
 */
export function byteAlphabet(): string[] {
  const printable = (byte: number) => (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174
  let next = 256
  return Array.from({ length: 256 }, (_, byte) => String.fromCharCode(printable(byte) ? byte : next++))
}

/** tokenizer.json and tokenizer_config.json as objects. */
export function buildTokenizer(): { tokenizer: object; config: object } {
  const bytes = byteAlphabet()
  const spell = (text: string) => Array.from(new TextEncoder().encode(text), (byte) => bytes[byte])

  const tokens = [...bytes]
  const merges: [string, string][] = []
  /** The tokens of one pre-token under the merges so far: what BPE does, in order of rank. */
  const encode = (text: string): string[] => {
    let parts = spell(text)
    for (const [left, right] of merges) {
      const out: string[] = []
      for (const part of parts) {
        if (part === right && out.at(-1) === left) out.push(out.pop() + part)
        else out.push(part)
      }
      parts = out
    }
    return parts
  }
  /** Makes one token of a text by merging what it is now from the left. Later merges never undo earlier ones. */
  const add = (text: string): void => {
    const [first, ...rest] = encode(text)
    let left = first
    for (const right of rest) {
      merges.push([left, right])
      left += right
      tokens.push(left)
    }
  }
  for (let n = 0; n < 100; n++) add(String(n).padStart(2, '0'))
  for (const piece of PIECES) add(piece)

  const special = [EOS, ...TAGS]
  // Runs of spaces fill up the last row of sixteen.
  for (let width = 2; (tokens.length + special.length) % MULTIPLE !== 0; width++) add(' '.repeat(width))

  const added = special.map((content, i) => ({
    id: tokens.length + i,
    content,
    single_word: false,
    lstrip: false,
    rstrip: false,
    normalized: false,
    special: true,
  }))
  const tokenizer = {
    version: '1.0',
    truncation: null,
    padding: null,
    added_tokens: added,
    normalizer: null,
    pre_tokenizer: {
      type: 'Sequence',
      pretokenizers: [
        { type: 'Split', pattern: { Regex: SPLIT }, behavior: 'Isolated', invert: false },
        { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false },
      ],
    },
    post_processor: null,
    decoder: { type: 'ByteLevel', add_prefix_space: true, trim_offsets: true, use_regex: true },
    model: {
      type: 'BPE',
      dropout: null,
      unk_token: null,
      continuing_subword_prefix: '',
      end_of_word_suffix: '',
      fuse_unk: false,
      byte_fallback: false,
      ignore_merges: false,
      vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
      merges: merges.map((pair) => pair.join(' ')),
    },
  }
  const config = {
    tokenizer_class: 'PreTrainedTokenizerFast',
    eos_token: EOS,
    pad_token: EOS,
    clean_up_tokenization_spaces: false,
    model_max_length: 1024,
  }
  return { tokenizer, config }
}
