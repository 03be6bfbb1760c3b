/** Unicode to the ASCII and LaTeX that the tokenizer knows. */

const INVISIBLE = /\p{Cf}|\p{Variation_Selector}/gu
const SUPERSCRIPTS = '⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱᵃᵇᶜᵈᵉᶠᵍʰʲᵏˡᵐᵒᵖʳˢᵗᵘᵛʷˣʸᶻ'
const SUPERSCRIPT_VALUES = '0123456789+-()niabcdefghjklmoprstuvwxyz'
const SUBSCRIPTS = '₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ'
const SUBSCRIPT_VALUES = '0123456789+-()aehijklmnoprstuvx'
const VULGAR: Readonly<Record<string, string>> = {
  '½': '1/2',
  '⅓': '1/3',
  '⅔': '2/3',
  '¼': '1/4',
  '¾': '3/4',
  '⅕': '1/5',
  '⅖': '2/5',
  '⅗': '3/5',
  '⅘': '4/5',
  '⅙': '1/6',
  '⅚': '5/6',
  '⅛': '1/8',
  '⅜': '3/8',
  '⅝': '5/8',
  '⅞': '7/8',
  '⅐': '1/7',
  '⅑': '1/9',
  '⅒': '1/10',
  '↉': '0/3',
}
const SIGNS: Readonly<Record<string, string>> = {
  '−': '-',
  '–': '-',
  '—': '-',
  '‐': '-',
  '‑': '-',
  '‒': '-',
  '×': '\\times ',
  '·': '\\cdot ',
  '⋅': '\\cdot ',
  '∙': '\\cdot ',
  '∗': '*',
  '÷': '/',
  '∕': '/',
  '⁄': '/',
  '√': '\\sqrt ',
  '∛': '\\sqrt[3] ',
  '∜': '\\sqrt[4] ',
  '∞': '\\infty ',
  '≤': '\\le ',
  '⩽': '\\le ',
  '≥': '\\ge ',
  '⩾': '\\ge ',
  '≠': '\\ne ',
  '≈': '\\approx ',
  '≡': '\\equiv ',
  '∪': '\\cup ',
  '∩': '\\cap ',
  '∖': '\\setminus ',
  '∅': '\\emptyset ',
  '∈': '\\in ',
  '±': '\\pm ',
  '∓': '\\mp ',
  '°': '^\\circ ',
  º: '^\\circ ',
  '˚': '^\\circ ',
  '∉': '\\notin ',
  '→': '\\to ',
  '⟶': '\\to ',
  '⇒': '\\Rightarrow ',
  '⟹': '\\Rightarrow ',
  '⇔': '\\Leftrightarrow ',
  '∴': '\\therefore ',
  '∧': '\\land ',
  '∨': '\\lor ',
  '¬': '\\neg ',
  '↔': '\\iff ',
  '⊂': '\\subset ',
  '⊆': '\\subseteq ',
  '⊃': '\\supset ',
  '⊇': '\\supseteq ',
  '∀': '\\forall ',
  '∃': '\\exists ',
  '∠': '\\angle ',
  '△': '\\triangle ',
  '∑': '\\sum ',
  '∏': '\\prod ',
  '∫': '\\int ',
  '⋯': '\\cdots ',
  '∼': '\\sim ',
  '≅': '\\cong ',
  '∶': ':',
  '✕': '\\times ',
  '✖': '\\times ',
  '⨯': '\\times ',
  '•': '\\cdot ',
  '٫': '.',
  '٬': ',',
  '“': '"',
  '”': '"',
  '‘': "'",
  ℤ: '\\mathbb{Z}',
  ℕ: '\\mathbb{N}',
  ℚ: '\\mathbb{Q}',
  ℂ: '\\mathbb{C}',
  '⌊': '\\lfloor ',
  '⌋': '\\rfloor ',
  '⌈': '\\lceil ',
  '⌉': '\\rceil ',
  '⟨': '\\langle ',
  '⟩': '\\rangle ',
  ℝ: '\\mathbb{R}',
  '∣': '|',
  '′': "'",
  '’': "'",
  '。': '.',
  '，': ',',
  '、': ',',
  α: '\\alpha ',
  β: '\\beta ',
  γ: '\\gamma ',
  δ: '\\delta ',
  ε: '\\epsilon ',
  θ: '\\theta ',
  λ: '\\lambda ',
  μ: '\\mu ',
  π: '\\pi ',
  ρ: '\\rho ',
  σ: '\\sigma ',
  τ: '\\tau ',
  φ: '\\phi ',
  ω: '\\omega ',
  ζ: '\\zeta ',
  η: '\\eta ',
  κ: '\\kappa ',
  ν: '\\nu ',
  ξ: '\\xi ',
  χ: '\\chi ',
  ψ: '\\psi ',
  Γ: '\\Gamma ',
  Δ: '\\Delta ',
  Θ: '\\Theta ',
  Λ: '\\Lambda ',
  Σ: '\\Sigma ',
  Φ: '\\Phi ',
  Ψ: '\\Psi ',
  Ω: '\\Omega ',
}
const CHARACTER_RUN = /[^\u0000-\u007f]+/g
const ASCII = /^[\u0000-\u007f]*$/

/** Normalises text: invisible characters go; superscripts are read before NFKC would turn x² into x2. */
export function normalizeUnicode(text: string): string {
  if (ASCII.test(text)) return text
  return text
    .replace(INVISIBLE, '')
    .replace(/[⁰¹²³⁴-⁹]+[⁄∕][₀-₉]+/g, superscriptFraction)
    .replace(/([√∛∜])\s?(\d+(?:\.\d+)?)/g, '$1{$2}')
    .replace(CHARACTER_RUN, normalizeRun)
}

/** ³⁄₄ */
function superscriptFraction(text: string): string {
  const digits = [...text].map((c) => {
    if (SUPERSCRIPTS.includes(c)) return SUPERSCRIPT_VALUES[SUPERSCRIPTS.indexOf(c)]
    return SUBSCRIPTS.includes(c) ? SUBSCRIPT_VALUES[SUBSCRIPTS.indexOf(c)] : '}{'
  })
  return `\\frac{${digits.join('')}}`
}

/** LaTeX commands whose backslash a string literal swallowed: "\frac" read as form feed and "rac". */
export function restoreCommands(text: string): string {
  if (!text.includes('\b') && !text.includes('\f')) return text
  return text.replace(/[\b](?=oxed|egin|inom|ar\b)/g, '\\b').replace(/\f(?=rac|box)/g, '\\f')
}

function normalizeRun(run: string): string {
  let out = ''
  const characters = [...run]
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i]
    if (SUPERSCRIPTS.includes(c) || SUBSCRIPTS.includes(c)) {
      const from = SUPERSCRIPTS.includes(c) ? SUPERSCRIPTS : SUBSCRIPTS
      let inner = ''
      const values = from === SUPERSCRIPTS ? SUPERSCRIPT_VALUES : SUBSCRIPT_VALUES
      for (; i < characters.length && from.includes(characters[i]); i++) inner += values[from.indexOf(characters[i])]
      i--
      out += `${from === SUPERSCRIPTS ? '^' : '_'}{${inner}}`
    } else if (Object.hasOwn(VULGAR, c)) out += `\\frac{${VULGAR[c].replace('/', '}{')}}`
    else if (Object.hasOwn(SIGNS, c)) out += SIGNS[c]
    else out += normalizeCharacter(c)
  }
  return out
}

function normalizeCharacter(c: string): string {
  const compatible = c.normalize('NFKC')
  if (compatible === c) return /\p{Nd}/u.test(c) ? String(digitValue(c.codePointAt(0)!)) : /\s/u.test(c) ? ' ' : c
  let out = ''
  for (const inner of compatible) out += Object.hasOwn(SIGNS, inner) ? SIGNS[inner] : inner
  return out
}

/** Decimal digits of a script stand in one run of ten. */
function digitValue(code: number): number {
  let value = 0
  while (value < 9 && /\p{Nd}/u.test(String.fromCodePoint(code - value - 1))) value++
  return value
}

const MARKERS: readonly [string, string][] = [
  ['$$', '$$'],
  ['$', '$'],
  ['\\(', '\\)'],
  ['\\[', '\\]'],
  ['**', '**'],
  ['`', '`'],
  ['"', '"'],
]

/** What begins or ends with something that {@link stripDelimiters} might take away. */
const DELIMITED = /^[$\\*`"]|[.,;:!\\]$/

/** Text without the math delimiters, emphasis and end marks around it. */
export function stripDelimiters(text: string): string {
  let out = text.trim()
  if (!DELIMITED.test(out)) return out
  for (let round = 0; round < 8; round++) {
    const before = out
    for (const [open, close] of MARKERS) {
      if (out.length >= open.length + close.length && out.startsWith(open) && out.endsWith(close)) {
        const inner = out.slice(open.length, out.length - close.length)
        if (!inner.includes(open)) out = inner.trim()
      }
    }
    while (/[.,;:!]$/.test(out) && !/\\[,;:!]$/.test(out) && !/[\da-z\])}]!{1,9}$/i.test(out) && !/\d\.\d{1,60}\.{3}$/.test(out.slice(-70)))
      out = out.slice(0, -1).trimEnd()
    if (/(?:^|[^\\])(?:\\\\)$/.test(out)) out = out.slice(0, -2).trimEnd()
    if (out === before) break
  }
  return out
}
