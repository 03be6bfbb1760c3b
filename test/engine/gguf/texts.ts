import { seededRandom } from '../../../src/random.ts'

/** Texts that a tokenizer may cut in a wrong place: the same ones from the same seed. */

const fragments: readonly (readonly string[])[] = [
  // Words, endings in any case, numbers
  [
    'the',
    'Hello',
    'WORLD',
    'tokenizer',
    'antidisestablishmentarianism',
    "don't",
    "I'M",
    "we'Ve",
    "they'll",
    "'s",
    "'RE",
    "o'clock",
    'iPhone',
    'HTMLParser',
  ],
  [
    '0',
    '7',
    '42',
    '123',
    '1234',
    '1000000',
    '3.14159',
    '1,234.50',
    '-17',
    '1e-9',
    '0x1F',
    '12:30',
    '2024-02-29',
    '50%',
    '$5',
    '½',
    '²',
    'Ⅷ',
    '٣٤',
    '１２',
  ],
  // Code and signs
  [
    'for (let i = 0; i < n; i++) {\n\tx[i] += y[i]\n}',
    'def f(x):\n    return x ** 2\n',
    '#include <stdio.h>\r\n',
    '<div class="a">&nbsp;</div>',
    '{"a": [1, 2.5e3, null]}',
  ],
  [
    'a_b',
    'camelCase',
    'x==y',
    '!=',
    '=>',
    '...',
    '----',
    '====',
    '####',
    '///',
    '\\frac{1}{2}',
    '$$',
    '```',
    '"quoted"',
    "''",
    '(a)',
    '[b]',
    '«c»',
    '—',
    '…',
    '§',
    '€',
    '™',
  ],
  // White space and control characters
  [
    ' ',
    '  ',
    '   ',
    '\n',
    '\n\n',
    '\r\n',
    '\r',
    '\t',
    '\t\t',
    ' \n',
    '\n ',
    '\u00a0',
    '\u2003',
    '\u3000',
    '\u2028',
    '\u0085',
    '\u200b',
    '\ufeff',
  ],
  ['\u0000', '\u0001', '\u0007', '\u001b[0m', '\u007f', '\u009f', '\u00ad', '\ufffd', '\ufffe', '\ue000', '\u{f0000}'],
  // Other scripts, marks that stand on the letter before them
  ['中文', '我想在apple工作', '漢字', '日本語のテキスト', '한국어', '。', '，', '「」', '㐀', '\u{20000}'],
  ['für', 'größer', 'más', 'también', 'après', 'année', 'coração', 'się', 'việc'],
  [
    'Ärger',
    'ÉCOLE',
    'naïve',
    'Straße',
    'Москва',
    'ПРИВЕТ',
    'Ελληνικά',
    'ǅ',
    'ﬁ',
    'ſ',
    'ªº',
    'עברית',
    'العَرَبِيَّة',
    'हिन्दी',
    'ไทย',
    'កាន់តែ',
    'ქართული',
  ],
  ['e\u0301', 'n\u0303', 'a\u0308\u0323', '\u0301', 'Cửa Việt', 'U\u0308ber', 'क\u094d', '\u200dx', '\u202e'],
  ['😀', '👍🏽', '👩‍👩‍👧‍👦', '🇩🇪', '😶‍🌫️', '❤️', '✅', '🦙', '1️⃣', '🫠'],
]

/** First and end of blocks in which Unicode has assigned nothing for long: what is new means something else to an older library. */
const oldBlocks = [
  [0, 0x590],
  [0x900, 0x980],
  [0x2100, 0x2400],
]

/** Written like special tokens, by many models. */
const tags = [
  '<s>',
  '</s>',
  '<|im_start|>',
  '<|im_end|>',
  '<|endoftext|>',
  '<|eot_id|>',
  '<unk>',
  '[INST]',
  '<Path>',
  '</Path>',
  '<0x0A>',
  '<|',
  '|>',
  '▁',
]

export interface Vocabulary {
  /** Its special tokens, which stand in every fourth text. */
  special: readonly string[]
  /** What its tokens say: a wrong cut shows where a token would span it. */
  words: readonly string[]
}

export function generateTexts(count: number, seed: number, { special, words }: Vocabulary): string[] {
  const random = seededRandom(seed)
  const below = (n: number) => Math.floor(random() * n)
  const one = (list: readonly string[]) => list[below(list.length)]
  const run = () => one([' ', '\n', '\t', '=', 'x', 'ha', '0', '9', '\r\n', 'é', '\u00a0', 'ab']).repeat(1 + below(60))
  const wild = () => {
    const [first, end] = oldBlocks[below(oldBlocks.length)]
    return String.fromCodePoint(first + below(end - first))
  }
  const marked = [...tags, ...special]
  const fragment = (withTags: boolean): string => {
    const kind = below(20)
    if (kind === 0) return run()
    if (kind === 1) return wild()
    if (kind === 2 && withTags) return one(marked)
    if (kind < 6) return ' '
    if (kind < 10) return one(words)
    return one(fragments[below(fragments.length)])
  }
  return Array.from({ length: count }, (_, i) => Array.from({ length: 1 + below(24) }, () => fragment(i % 4 === 0)).join(''))
}
