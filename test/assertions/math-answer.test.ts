import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { sameAnswer } from '../../src/assertions/answer/equality/equal.ts'
import { readAnswer } from '../../src/assertions/answer/reading/read.ts'
import { mathAnswer } from '../../src/assertions/math-answer.ts'
import { ConfigError } from '../../src/engine/errors.ts'
import { cpuTime, fastest } from './cpu-time.ts'

const grade = (output: unknown, answer: unknown, config?: Record<string, unknown>) =>
  mathAnswer(output, { vars: { answer } as Record<string, string>, config })
const whole = (output: string, answer: string): boolean => grade(output, answer, { extract: 'whole' }).pass

const EQUAL: [kind: string, a: string, b: string][] = [
  ['integers', '42', '42.0'],
  ['integers', '-7', '−7'],
  ['integers', '025', '25'],
  ['thousands', '12,345,678', '12345678'],
  ['thousands', '12{,}345', '12345'],
  ['thousands', '12\\,345', '12345'],
  ['thousands', '12 345', '12345'],
  ['thousands', '1,234.50', '1234.5'],
  ['big integers', '123456789012345678901234567890', '123,456,789,012,345,678,901,234,567,890'],
  ['decimals', '.25', '\\frac14'],
  ['decimals', '0.1\\overline{6}', '\\frac{1}{6}'],
  ['decimals', '2.5e3', '2500'],
  ['fractions', '\\dfrac{3}{6}', '1/2'],
  ['fractions', '{3 \\over 6}', '½'],
  ['mixed numbers', '2\\frac{3}{4}', '2.75'],
  ['mixed numbers', '2 3/4', '11/4'],
  ['mixed numbers', '-2\\frac{3}{4}', '-2.75'],
  ['powers', '2^{3^2}', '512'],
  ['powers', '2**10', '1024'],
  ['powers', '10^{-3}', '0.001'],
  ['powers', '8^{2/3}', '4'],
  ['powers', '6^{200}', '2^{200}\\cdot 3^{200}'],
  ['factorials', '6!', '720'],
  ['factorials', '\\binom{6}{2}', '15'],
  ['roots', '\\sqrt{18}', '3\\sqrt2'],
  ['roots', '\\frac{1}{\\sqrt{5}-2}', '\\sqrt{5}+2'],
  ['roots', '√50', '5√2'],
  ['roots', '\\sqrt[3]{54}', '3\\sqrt[3]{2}'],
  ['constants', '\\frac{3\\pi}{6}', 'π/2'],
  ['constants', 'e^{\\ln 7}', '7'],
  ['constants', '\\cos 60^\\circ', '0.5'],
  ['constants', '\\log_2 32', '5'],
  ['complex', '(2+i)^2', '3+4i'],
  ['complex', '\\frac{5}{2+i}', '2-i'],
  ['algebra', '(x+2)(x-3)', 'x^2 - x - 6'],
  ['algebra', '\\frac{x^2-9}{x-3}', 'x+3'],
  ['algebra', 'x^{1/2}y', 'y\\sqrt{x}'],
  ['algebra', '1-\\sin^2 t', '\\cos^2 t'],
  ['algebra', '\\frac{n(n+1)}{2}', '\\binom{n+1}{2}'],
  ['algebra', 'x_{1}+x_2', 'x_2+x_1'],
  ['percent', '12.5\\%', '0.125'],
  ['percent', '40 percent', '40\\%'],
  ['percent', '40%', '40'],
  ['money', '\\$1,250.00', '1250'],
  ['units', '12 cm', '12'],
  ['units', '7\\text{ square meters}', '7 m^2'],
  ['units', '9.81 m/s^2', '9.81'],
  ['units', '3 hours', '3\\text{ hr}'],
  ['degrees', '35°', '35'],
  ['degrees', '35^{\\circ}', '35^\\circ'],
  ['tuples', '(\\frac12, 3)', '(0.5,3.0)'],
  ['intervals', '[1, \\infty)', 'x \\ge 1'],
  ['intervals', '(-\\infty,0)\\cup(0,\\infty)', 'x \\ne 0'],
  ['intervals', '(0,2)\\cup[1,3]', '(0,3]'],
  ['intervals', '\\mathbb{R}\\setminus\\{1,2\\}', '(-\\infty,1)\\cup(1,2)\\cup(2,\\infty)'],
  ['intervals', ']0,1]', '(0,1]'],
  ['intervals', 'x<1 \\text{ or } x>3', '(-\\infty,1)\\cup(3,\\infty)'],
  ['sets', '\\{3,1,2\\}', '\\{1,2,3\\}'],
  ['sets', '\\{1,1,2\\}', '1, 2'],
  ['sets', '\\emptyset', '\\{\\}'],
  ['lists', '1, 2 and 3', '3,2,1'],
  ['lists', '2 \\pm \\sqrt3', '2+\\sqrt3, 2-\\sqrt3'],
  ['lists', 'x = \\pm 2', 'x=2, x=-2'],
  ['lists', 'a=1, b=2', 'b=2; a=1'],
  ['lists', '(1,2), (3,4)', '(3,4),(1,2)'],
  ['assignments', 'x = 5', '5'],
  ['assignments', 'f(x) = 2x+1', '1+2x'],
  ['assignments', '(a,b) = (1,2)', '(1,2)'],
  ['equations', 'y = 3x - 2', '6x - 2y = 4'],
  ['inequalities', '3x > 6', 'x > 2'],
  ['inequalities', '-x \\le 4', 'x \\geq -4'],
  ['ratios', '3:4', '3 : 4'],
  ['ratios', '3:4', '\\frac34'],
  ['matrices', '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}', '\\begin{bmatrix} 1 & 2 \\\\ 3 & 8/2 \\end{bmatrix}'],
  ['matrices', '\\begin{vmatrix}1&2\\\\3&4\\end{vmatrix}', '-2'],
  ['bases', '101_2', '101_{2}'],
  ['text', '\\text{Even}', 'even'],
  ['text', '\\text{no real solutions}', 'No real solutions.'],
  ['unicode', '１２', '12'],
  ['unicode', 'x²+1', 'x^2+1'],
  ['unicode', '\u200b7\ufeff', '7'],
  ['unicode', '२५', '25'],
  ['delimiters', '$\\left(1,2\\right)$', '\\((1,2)\\)'],
  ['functions', '\\gcd(12, 18)', '6'],
  ['functions', '\\lfloor 3.7 \\rfloor + \\max(1,2)', '5'],
  ['functions', '|{-3}|', '3'],
  ['approximations', '1.4142135623731', '\\sqrt{2}'],
  ['decimals', '0.12121212\\ldots', '\\frac{4}{33}'],
  ['decimals', '0.333...', '1/3'],
  ['decimals', '0.(3)', '1/3'],
  ['decimals', '1.234,56', '1234.56'],
  ['decimals', '6.02 x 10^{23}', '6.02\\times10^{23}'],
  ['fractions', '³⁄₄', '0.75'],
  ['words', 'forty-two', '42'],
  ['words', 'one hundred and five', '105'],
  ['words', '10 (ten)', '10'],
  ['words', '2.3 million dollars', '\\$2300000'],
  ['words', '\\text{42 apples}', '42'],
  ['factorials', '\\frac{4!}{2!2!}', '6'],
  ['factorials', 'C(5,2)', '\\binom52'],
  ['powers', '9^{9^{9}}+1', '1+9^{9^{9}}'],
  ['percent', '\\frac12\\%', '0.005'],
  ['units', '1\\text{ m}', '100\\text{ cm}'],
  ['units', '2 hours', '120\\text{ minutes}'],
  ['units', '36\\text{ km/h}', '10\\text{ m/s}'],
  ['units', '1\\text{ m}^2', '10000\\text{ cm}^2'],
  ['units', '350\\text{ cents}', '\\$3.50'],
  ['units', 'Rs. 500', '500'],
  ['ratios', '2:4:6', '1:2:3'],
  ['ratios', '\\frac12:\\frac13', '3:2'],
  ['intervals', '|x| < 2', '(-2,2)'],
  ['intervals', '1 \\le |z| \\le 2', '[-2,-1]\\cup[1,2]'],
  ['intervals', '\\text{all real numbers}', '(-\\infty,\\infty)'],
  ['sets', '\\text{no solution}', '\\emptyset'],
  ['sets', '\\{5\\}', '5'],
  ['lists', '\\begin{cases} x = 1 \\\\ y = 2 \\end{cases}', 'x=1, y=2'],
  ['lists', '2k\\pi, k \\in \\mathbb{Z}', '2k\\pi'],
  ['assignments', 'f^{-1}(x) = 2x', '2x'],
  ['assignments', '\\begin{aligned} x &= 1+1 \\\\ &= 2 \\end{aligned}', '2'],
  ['logarithms', '\\ln(x^2)', '2\\ln x'],
  ['algebra', '\\sqrt{x}\\sqrt{y}', '\\sqrt{xy}'],
  ['matrices', '\\frac12\\begin{pmatrix}2\\\\4\\end{pmatrix}', '\\begin{pmatrix}1\\\\2\\end{pmatrix}'],
  ['matrices', '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}^T', '\\begin{pmatrix}1&3\\\\2&4\\end{pmatrix}'],
  [
    'matrices',
    '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}-\\begin{pmatrix}1&1\\\\1&1\\end{pmatrix}',
    '\\begin{pmatrix}0&1\\\\2&3\\end{pmatrix}',
  ],
  ['matrices', '\\det\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}', '-2'],
  ['bases', '1A_{16}', '26_{10}'],
  ['bases', '12_{\\text{five}}', '12_5'],
  ['sums', '\\sum_{k=1}^{10} k', '55'],
  ['sums', '\\sum_{i=1}^n i', '\\frac{n(n+1)}{2}'],
  ['sums', '\\sum_{n=0}^\\infty \\frac{1}{n!}', 'e'],
  ['sums', '\\prod_{i=1}^{3} x', 'x^3'],
  ['calculus', '\\int_0^1 x^2\\,dx', '\\frac13'],
  ['calculus', '\\int_{-\\infty}^{\\infty} \\frac{1}{1+x^2} dx', '\\pi'],
  ['calculus', '\\lim_{x\\to 0} \\frac{\\sin x}{x}', '1'],
  ['calculus', '\\lim_{h\\to0}\\frac{(x+h)^2-x^2}{h}', '2x'],
  ['calculus', '\\frac{d}{dx} x^2', '2x'],
  ['text', '\\text{A and C}', 'C, A'],
  ['text', 'DNE', '\\text{does not exist}'],
  ['unicode', '2ˣ', '2^x'],
  ['unicode', '∛8', '2'],
  ['unicode', '45º', '45^\\circ'],
  ['colours', '\\textcolor{red}{5}', '5'],
]

const DIFFERENT: [kind: string, a: string, b: string][] = [
  ['integers', '42', '43'],
  ['integers', '1 2', '12'],
  ['integers', '100000000000000000000', '100000000000000000001'],
  ['decimals', '0.33', '\\frac13'],
  ['decimals', '3.1416', '\\pi'],
  ['decimals', '0.5', '0.50001'],
  ['malformed', '1.2.3', '1.23'],
  ['malformed', '2^', '2'],
  ['malformed', '3+', '3'],
  ['powers', '2^{10}', '210'],
  ['powers', '10^{400}', '10^{401}'],
  ['powers', '9^{9^{9}}', '9^{9^{9}}+1'],
  ['factorials', '5', '5!'],
  ['roots', '\\sqrt{2}', '1.41'],
  ['roots', '\\sqrt{3}+\\sqrt{2}', '\\sqrt5'],
  ['complex', '3+4i', '4+3i'],
  ['algebra', 'x+1', 'y+1'],
  ['algebra', '(x+1)^2', 'x^2+1'],
  ['algebra', '3k', '3'],
  ['algebra', '42x', '42'],
  ['algebra', 'x', 'X'],
  ['algebra', '3h^2', '3'],
  ['algebra', 'x_1', 'x_2'],
  ['algebra', '-x^2', '(-x)^2'],
  ['percent', '0.5\\%', '\\frac12'],
  ['percent', '50\\%', '0.05'],
  ['units', '10\\text{ cm}', '10\\text{ km}'],
  ['units', '12 cm', '13 cm'],
  ['units', '3 dozen', '3'],
  ['tuples', '(1,2)', '(2,1)'],
  ['tuples', '(1,2)', '(1,2,3)'],
  ['tuples', '(1,2)', '12'],
  ['tuples', '(1,234)', '1234'],
  ['tuples', '(1,2)', '\\{1,2\\}'],
  ['intervals', '[0,1)', '[0,1]'],
  ['intervals', '[0,1)', '(0,1)'],
  ['intervals', '(0,1)\\cup(1,2)', '(0,2)'],
  ['intervals', 'x<5', 'x\\le 5'],
  ['intervals', '[1,2]', '\\{1,2\\}'],
  ['sets', '\\{1,2\\}', '\\{1,2,3\\}'],
  ['sets', '\\emptyset', '\\{0\\}'],
  ['lists', '1,2', '12'],
  ['lists', '\\pm 1', '1'],
  ['lists', '42 or 43', '42'],
  ['equations', 'x=5', 'x=6'],
  ['equations', 'x=5', 'x>5'],
  ['equations', 'y=x^2', 'x=y^2'],
  ['equations', '7=11a+c', '7'],
  ['inequalities', '-x>1', 'x>-1'],
  ['ratios', '12:00', '1:00'],
  ['matrices', '\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}', '\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}'],
  ['matrices', '\\begin{pmatrix}1\\\\2\\end{pmatrix}', '\\begin{pmatrix}1&2\\end{pmatrix}'],
  ['text', '\\text{yes}', '\\text{no}'],
  ['text', '\\text{ab}', '\\text{ba}'],
  ['text', 'undefined', '0'],
  ['bases', '101_2', '101_3'],
  ['unicode', '²', '2'],
  ['unicode', 'x2', 'x^2'],
  ['unicode', '2ˣ', '2x'],
  ['decimals', '3.14159...', '3.14159'],
  ['decimals', '0.333...', '0.333'],
  ['decimals', '1,2', '1.2'],
  ['decimals', '1.000.000', '1'],
  ['words', 'one two', '12'],
  ['words', 'twenty two hundred', '22'],
  ['words', '5 million', '5'],
  ['words', '10 (nine)', '10'],
  ['factorials', 'C(5,2)', '(5,2)'],
  ['units', '10\\text{ cm}', '1\\text{ m}'],
  ['units', '60 mph', '60 km/h'],
  ['units', '45\\text{ units}^2', '45\\text{ units}^3'],
  ['ratios', '4:30', '2:15'],
  ['ratios', '1:0', '2:1'],
  ['intervals', '|x|<2', 'x<2'],
  ['intervals', 'x<5', 'y<5'],
  ['intervals', '[-\\infty,8)', '(-\\infty,8)'],
  ['sets', '\\{5\\}', '6'],
  ['sets', '\\{\\emptyset\\}', '\\emptyset'],
  ['sums', '\\sum_{k=1}^{10} k', '54'],
  ['sums', '\\sum_{k=1}^\\infty \\frac1k', '10'],
  ['calculus', '\\int_0^1 x dx', '0.5000001'],
  ['calculus', '\\lim_{x\\to0}\\frac{|x|}{x}', '1'],
  ['matrices', '\\begin{pmatrix}1\\\\2\\end{pmatrix}+1', '\\begin{pmatrix}2\\\\3\\end{pmatrix}'],
  ['bases', '1A_{16}', '1B_{16}'],
  ['algebra', '\\sqrt{x^2}', 'x'],
  ['text', '\\text{Alice and Bob}', 'Bob'],
]

describe('equality of answers', () => {
  it.each(EQUAL)('%s: %s equals %s', (_, a, b) => {
    expect(whole(a, b)).toBe(true)
    expect(whole(b, a)).toBe(true)
  })

  it.each(DIFFERENT)('%s: %s is not %s', (_, a, b) => {
    expect(whole(a, b)).toBe(false)
    expect(whole(b, a)).toBe(false)
  })

  it.each([
    ['B', 'B', true],
    ['(B)', 'B', true],
    ['\\textbf{(B)} 12', 'B', true],
    ['B) 12', 'B', true],
    ['B. twelve', '\\text{B}', true],
    ['A', 'B', false],
    ['A and B', 'A', false],
    ['Because', 'B', false],
    ['12', 'B', false],
  ])('choice %s against %s: %s', (output, answer, pass) => {
    expect(whole(output, answer)).toBe(pass)
  })
})

describe('extraction', () => {
  it.each<[string, string, string]>([
    ['\\boxed{1} was wrong, so \\boxed{42}.', '42', '\\boxed{}'],
    ['<think>\\boxed{41}</think>The answer is \\boxed{42}', '42', '\\boxed{}'],
    ['\\fbox{\\frac{84}{2}}', '42', '\\boxed{}'],
    ['<answer>42</answer>', '42', '<answer>'],
    ['40 + 2 = 42\n#### 42', '42', '####'],
    ['42', '42', 'whole output'],
    ['$x = 42$', '42', 'whole output'],
    ['Step 1. Add.\nFinal Answer: 42.', '42', 'answer line'],
    ['**Final Answer:** **42**', '42', 'answer line'],
    ['Final Answer: $42$ apples', '42', 'answer line'],
    ['Final Answer:\n\n42', '42', 'answer line'],
    ['The answer is 42 because 6 * 7 = 42.', '42', 'answer line'],
    ['The final answer is 41. No, the final answer is 42.', '42', 'answer line'],
    ['## Final Answer\n\n42', '42', 'answer heading'],
    ['We add them up:\n\\[ 40 + 2 = 42 \\]', '42', 'formula at the end'],
    ['Therefore the total is $42$.', '42', 'formula at the end'],
    ['Altogether that makes **42** apples.', '42', 'bold text at the end'],
    ['So the sum is 42.', '42', 'last line'],
    ['They have 3 boys and 39 girls, altogether 42', '42', 'last number'],
    ['The price is thus \\$42.', '42', 'last number'],
    ['He makes $100 - $58 = $42 a day.', '42', 'last line'],
    ['The answer is 42!', '42', 'answer line'],
    ['The answer is $\\frac{84}{2}$, i.e. 42.', '42', 'answer line'],
    ["The answer isn't 41, it's 42.", '42', 'last line'],
    ['### Final Answer\n\n$$\n42\n$$', '42', 'answer heading'],
    ['<answer>The answer is 42</answer>', '42', '<answer>'],
    ['The solutions are $x = 1$ and $x = 2$.', '1,2', 'formula at the end'],
    ['Solutions: (1,2), (3,4)', '(3,4),(1,2)', 'last line'],
    ['Option B is correct.', 'B', 'choice in the last line'],
    ['boxed{42}', '42', '\\boxed{}'],
    ['\boxed{42}', '42', '\\boxed{}'],
    ['Total: 42', '42', 'last line'],
  ])('of %j finds the answer', (output, answer, source) => {
    const result = grade(output, answer)
    expect(result.reason).toContain('equals the reference')
    expect(result.metadata.source).toBe(source)
  })

  it.each([
    ['\\boxed{42} or rather \\boxed{}', 'the last \\boxed{} is empty'],
    ['\\boxed{42} or rather \\boxed{41', 'the last \\boxed{ is not closed'],
    ['', 'the output is empty'],
    ['I do not know.', 'is hedged'],
    ['42\0', 'NUL'],
    ['<think>The answer is 42', 'the thinking is not closed'],
    ['Is it 42?', 'there is no box'],
    ['The answer is not 42.', 'the last claim, "not 42" (answer line), is denied'],
    ['The answer might be 42.', 'is hedged'],
    ['If k is odd the answer is 42; otherwise it is 4.', 'is conditional'],
    ['The answer is 42. Oops, that is wrong.', 'is taken back'],
    ['Many people say that the answer is 42.', 'is quoted from others'],
    ['They have 42 tiles. From these we remove the ones that', 'is cut off'],
    ['\\boxed{\\text{other than } 42}', 'is inside an operation'],
  ])('of %j finds none', (output, why) => {
    const result = grade(output, '42')
    expect(result).toMatchObject({ pass: false, score: 0, metadata: { extracted: null } })
    expect(result.reason).toContain(why)
  })

  it.each([
    'The answer is at least 42',
    'The answer is either 41 or 42',
    'The answer is one of 41, 42',
    'Final Answer: 42 is wrong',
    'Final Answer: I cannot determine it, maybe 42',
    'The values are 41 42',
  ])('takes no number out of %j', (output) => {
    expect(grade(output, '42').pass).toBe(false)
  })

  it('joins adjacent boxes for a reference with several answers only', () => {
    expect(grade('\\boxed{1} and \\boxed{2}', '1, 2').pass).toBe(true)
    expect(grade('$\\boxed{1}$, $\\boxed{2}$', '\\{2,1\\}').pass).toBe(true)
    expect(grade('\\boxed{1} and \\boxed{2}', '2').pass).toBe(true)
    expect(grade('\\boxed{1}\\boxed{2}', '12').pass).toBe(false)
    expect(grade('\\boxed{1} is what many say at first, but the right one is \\boxed{2}', '1, 2').pass).toBe(false)
  })

  it('keeps to one form when asked to', () => {
    expect(grade('Final Answer: 42', '42', { extract: 'boxed' }).reason).toContain('there is no \\boxed{}')
    expect(grade('\\boxed{41}\nFinal Answer: 42', '42', { extract: 'final-answer' }).pass).toBe(true)
    expect(grade('The total is 42', '42', { extract: 'final-answer' }).reason).toContain('no "final answer" line')
    expect(grade('The total is 42', '42', { extract: 'whole' }).pass).toBe(false)
  })
})

describe('references and results', () => {
  it('accepts any of several references', () => {
    expect(grade('\\boxed{\\frac12}', ['0.4', '0.5'])).toMatchObject({ pass: true, score: 1 })
    expect(grade('\\boxed{1}', ['0.4', '0.5']).reason).toContain('is not the reference 0.4 or 0.5')
    expect(grade('\\boxed{42}', 42).pass).toBe(true)
    expect(grade('\\boxed{42}', '41', { answer: '42' }).pass).toBe(true)
  })

  it('says what was extracted and how it was read', () => {
    const result = grade('So \\boxed{41}.', '42')
    expect(result.reason).toBe(
      '"41" (the last standing claim, stated in \\boxed{}), read as number, is not the reference 42: no rule makes them equal.',
    )
    expect(result.metadata).toEqual({
      extracted: '41',
      source: '\\boxed{}',
      claim: 'stated',
      type: 'number',
      rule: 'no rule makes them equal',
    })
    expect(grade('So \\boxed{\\frac{84}{2}}.', '42').reason).toBe(
      '"\\frac{84}{2}" (the last standing claim, stated in \\boxed{}), read as expression, equals the reference 42: same exact value.',
    )
  })

  it.each([
    [undefined],
    [null],
    [''],
    ['  '],
    ['$$'],
    [[]],
    [[undefined]],
    [{}],
    ['9'.repeat(5000)],
    ['\\frac{1}{'],
    ['5}'],
    ['5\0'],
    ['1+'.repeat(900)],
    [Number.NaN],
  ])('reports the reference %j as a configuration error', (answer) => {
    expect(() => grade('42', answer)).toThrow(ConfigError)
    expect(() => grade('42', answer)).toThrow(/^mathAnswer needs a reference/)
  })

  it('reports unknown keys and values with the nearest name', () => {
    expect(() => grade('42', '42', { extrat: 'auto' })).toThrow(/"extract"/)
    expect(() => grade('42', '42', { extract: 'box' })).toThrow(/boxed/)
    expect(() => mathAnswer('42', undefined)).toThrow(ConfigError)
  })
})

/** Answers of many kinds, as a model might write them. */
const number = fc.oneof(
  fc.bigInt({ min: -(10n ** 30n), max: 10n ** 30n }).map(String),
  fc.tuple(fc.integer({ min: -999, max: 999 }), fc.integer({ min: 0, max: 9999 })).map(([n, d]) => `${n}.${d}`),
  fc.tuple(fc.integer({ min: -99, max: 99 }), fc.integer({ min: 1, max: 99 })).map(([n, d]) => `\\frac{${n}}{${d}}`),
  fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 2, max: 99 })).map(([n, d]) => `${n}\\sqrt{${d}}`),
)
const term = fc.tuple(number, fc.constantFrom('x', 'y', 'x^2', 'xy', '\\pi', 'e^{x}')).map(([n, name]) => `(${n})${name}`)
const expression = fc.oneof(
  number,
  fc.array(term, { minLength: 1, maxLength: 3 }).map((terms) => terms.join(' + ')),
)
const answer = fc.oneof(
  expression,
  fc.tuple(expression, expression).map(([a, b]) => `(${a}, ${b})`),
  fc.array(number, { minLength: 1, maxLength: 4 }).map((items) => `\\{${items.join(', ')}\\}`),
  fc.tuple(number, number).map(([a, b]) => `[${a}, ${b})`),
  fc.tuple(expression, expression).map(([a, b]) => `y + ${a} = ${b}`),
  fc.tuple(number, number, number, number).map(([a, b, c, d]) => `\\begin{pmatrix} ${a} & ${b} \\\\ ${c} & ${d} \\end{pmatrix}`),
)

describe('equality, for random answers', () => {
  it('is reflexive, and survives every usual wrapping', () => {
    const wrappings: ((text: string) => string)[] = [
      (text) => text,
      (text) => `We get $\\boxed{${text}}$.`,
      (text) => `Adding up.\n\nFinal Answer: ${text}`,
      (text) => `**Final Answer:** $${text}$`,
      (text) => `<think>\\boxed{0.123}</think>The answer is $${text}$.`,
      (text) => `So we have\n\\[\n${text}\n\\]`,
      (text) => `<answer>${text}</answer>`,
    ]
    fc.assert(
      fc.property(answer, fc.constantFrom(...wrappings), (text, wrap) => {
        expect(grade(wrap(text), text).reason).toContain('equals the reference')
      }),
      { numRuns: 400 },
    )
  })

  it('is symmetric', () => {
    fc.assert(
      fc.property(answer, answer, (a, b) => {
        expect(sameAnswer(readAnswer(a), readAnswer(b))).toBe(sameAnswer(readAnswer(b), readAnswer(a)))
      }),
      { numRuns: 300 },
    )
  })

  it('tells a number from its neighbours', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: -(10n ** 40n), max: 10n ** 40n }), fc.integer({ min: 2, max: 1000 }), (n, d) => {
        expect(whole(`${n}`, `${n + 1n}`)).toBe(false)
        expect(whole(`\\frac{${n}}{${d}}`, `\\frac{${n + 1n}}{${d}}`)).toBe(false)
        expect(whole(`\\frac{${n}}{${d}}`, `\\frac{${n * 7n}}{${d * 7}}`)).toBe(true)
      }),
    )
  })

  it('refuses references that cannot be read and never throws else, whatever the text', () => {
    const piece = fc.oneof(
      fc.string({ unit: 'grapheme', maxLength: 12 }),
      fc.constantFrom(
        '\\boxed{',
        '\\frac',
        '{',
        '}',
        '$',
        '(',
        ')',
        '[',
        '|',
        '\\text{',
        '^',
        '_',
        '\\begin{pmatrix}',
        '&',
        '\\\\',
        ',',
        '=',
        '<',
        '\\pm',
        '!',
        '1',
        'x',
      ),
    )
    const text = fc.array(piece, { maxLength: 30 }).map((pieces) => pieces.join(''))
    fc.assert(
      fc.property(text, text, (output, reference) => {
        try {
          grade(output, reference)
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError)
        }
        grade(output, '41.5', { extract: 'whole' })
      }),
      { numRuns: 1000 },
    )
  })
})

describe('hostile outputs', () => {
  const units = [
    ' ',
    '\n',
    'a',
    '1',
    '9!',
    '-',
    '(',
    ')',
    '{',
    '}',
    '\\',
    '$',
    '*',
    '#',
    '|',
    '^',
    '&',
    ',',
    '.',
    ':',
    '=',
    '<',
    '1,',
    '1+',
    'sin(',
    '\\sqrt{',
  ]
  const words = [
    '\\boxed{',
    '\\boxed{1}, ',
    'answer',
    'answer: ',
    'the answer is ',
    '#### ',
    '<answer>',
    '</think>',
    '$x$',
    ' is 1',
    '**1**',
    '1 2/3 ',
    '\\frac{1}{',
    // Each a part of one sentence.
    '^;😀',
    ' but 5',
    ', not 4',
    ' two; ',
  ]

  it.each([...units, ...words])('%j again and again is graded in bounded time', (unit) => {
    for (const size of [30_000, 1_000_000]) {
      const flood = unit.repeat(Math.ceil(size / unit.length))
      for (const output of [flood, `The answer is ${flood.slice(0, 4000)}`, `\\boxed{${flood.slice(0, 4000)}}`]) {
        expect(fastest(() => grade(output, '17'), 100)).toBeLessThan(250)
      }
    }
  })

  it.each([
    '9^{4000}',
    '(2^{100})^{100}',
    '10^{4000}',
    '10^{-4000}+17',
    '1000!',
    '((3!)!)!',
    '\\binom{4000}{2000}',
    '1e4000',
    '\\sum_{k=1}^{3000} k',
    '(x+y)^{200}',
    `\\sin(${'\\sin('.repeat(50)}1${')'.repeat(51)}`,
    `${'\\sqrt{'.repeat(50)}2${'}'.repeat(50)}`,
    'Math.max(17)',
    'constructor',
    '__proto__',
    'toString',
    'hasOwnProperty(16)',
  ])('%s is neither 17 nor slow', (text) => {
    const start = cpuTime()
    expect(grade(text, '17')).toMatchObject({ pass: false })
    expect(grade(`\\boxed{${text}}`, '17')).toMatchObject({ pass: false })
    expect(cpuTime() - start).toBeLessThan(1000)
  })

  it('leave no trace', () => {
    const before = Object.getOwnPropertyNames(Object.prototype).join()
    for (const text of ['marker = 1', '__proto__ = 1', 'toString = 1', '{"constructor": 1}']) grade(text, '1')
    expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(before)
  })
})
