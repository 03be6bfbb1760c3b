/** The regression suite: every check accepts a right answer and refuses wrong ones, and every instruction says what its check asks for. */

import { readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { parseThinkingConfig } from '../../src/providers/config.ts'
import { byForm, hasForm, KINDS } from '../../suites/regression/checks.ts'
import { fastest } from '../assertions/cpu-time.ts'

const suite = fileURLToPath(new URL('../../suites/regression/', import.meta.url))
const read = (name: string) => parse(readFileSync(path.join(suite, name), 'utf8'))

interface Vars {
  kind: string
  instruction: string
  count?: number
  text?: string
}

const rows = (read('tests.yaml') as { vars: Vars }[]).map(({ vars }) => vars)
const rowsOf = (kind: string): Vars[] => rows.filter((row) => row.kind === kind)

/** An answer to each instruction of a kind in the order of the file, and answers that none of them takes. */
const ANSWERS: Readonly<Record<string, { right: string[]; wrong: string[] }>> = {
  words: {
    right: ['Bees gather nectar.', 'Wide, blue, cold, salty, deep.', 'Dog', 'Soft rain fell on the old roof.'],
    wrong: ['Two words', 'one two three four', 'a b c d e f g h'],
  },
  'at most words': {
    right: [
      'A library lends books.',
      'People sleep so that body and mind can rest.',
      'Rome',
      'A small soft animal with whiskers that purrs.',
    ],
    wrong: ['one '.repeat(21)],
  },
  'at least words': { right: [60, 60, 60, 60].map((n) => 'word '.repeat(n)), wrong: ['word '.repeat(29), 'Too short.'] },
  sentences: {
    right: [
      'They dry out.',
      'It has two wheels. Rex rides it!',
      'It is bright. Is it far? It is.',
      'Rex ran. "He swam." He barked! He slept.',
    ],
    wrong: ['A. B. C. D. E.', 'One. Two. Three. Four. And a fifth'],
  },
  'starts with': {
    right: ['Indeed, it is.', 'Dear Sam,\nthank you.', 'One fine morning a fox woke up.', 'The answer is eight.'],
    wrong: ['Yes, indeed. The answer is one fine morning, dear Sam', 'Indeedy, dearest Sam'],
  },
  'ends with': {
    right: ['I ate a banana.', 'At last I was home!', 'Sleep well. Good night', 'You eat with it, and that is all.'],
    wrong: ['A banana is good. Home, good night, that is all I know', 'bananas'],
  },
  contains: {
    right: [
      'The river runs over a stone.',
      'A green apple lies in the basket.',
      'It is cold; however, the sun shines.',
      'First boil water, then add tea. Finally wait.',
    ],
    wrong: ['Rivers, stones, apples, greenish baskets', 'It rains.'],
  },
  avoids: {
    right: ['It is large and grey.', 'A horse eats grass.', 'Drops that fall from clouds.', 'Read about the bear who could fly.'],
    wrong: ['The water is very good.', 'Very good, the wet water'],
  },
  times: {
    right: ['echo echo echo', 'Snow fell. I like snow.', 'Tick, tick, tick, tick!', 'Oh hello there.'],
    wrong: ['echoes, snowy, ticking, hellos', 'echo snow snow snow tick hello hello'],
  },
  'lower case': {
    right: ['apple, pear, plum', 'trains are long.', 'a vet', 'be on time.'],
    wrong: ['Apple', 'they are loNg', '123'],
  },
  'upper case': {
    right: ['WELCOME!', 'MIND THE HOLE', 'JUPITER', 'COFFEE WAKES ME UP.'],
    wrong: ['Welcome', 'COFFEE WAKES me', '12'],
  },
  'no digits': { right: ['Seven.', 'At nine.', 'Eighteen years old.', 'Eight by eight fields.'], wrong: ['7 days', 'at 9', 'x²'] },
  'no comma': {
    right: ['Red and blue and green and pink', 'I rise. I eat. I go.', 'Paint and a brush', 'It proves who you are.'],
    wrong: ['red, blue', 'a,b'],
  },
  'without letter': {
    right: ['A cat sits still.', 'The moon is out.', 'We like to go far away.', 'It is tall and green.'],
    wrong: ['These are some odd oars', 'Ha'],
  },
  lines: {
    right: ['cat\ndog\ncow\nhen', 'France\nSpain\n\nItaly', 'hat\nmat\nrat\nbat\nsat', 'The sun goes down,\nthe moon comes up.'],
    wrong: ['cat, dog, cow, hen', '1\n2\n3\n4\n5\n6'],
  },
  bullets: {
    right: [
      '- walk\n- cook\n- wait',
      '* fresh air\n* no cost',
      '- a\n- b\n- c\n- d',
      'For pancakes:\n- eggs\n- milk\n- flour\n- salt\n- oil',
    ],
    wrong: ['-one\n-two', '1. a\n2. b', '- a\n- b\n- c\n- d\n- e\n- f'],
  },
  numbered: {
    right: [
      '1. dig\n2. plant\n3. water',
      '1) spring\n2) summer\n3) autumn\n4) winter',
      '1. Nile\n2. Rhine',
      '1. a\n2. b\n3. c\n4. d\n5. e',
    ],
    wrong: ['- a\n- b', '1. a\n3. b', '2. a\n1. b', '1. a\n2. b\n3. c\n4. d\n5. e\n6. f'],
  },
  quoted: {
    right: ['"Time flies."', '“Hoist the sails!”', '"Blue"', '"A friend stays."'],
    wrong: ['Time "flies".', '"One" and "two"', '"open'],
  },
  question: {
    right: ['How big is it?', 'I have a face. What am I?', 'Where is the station?', 'Do you sing?'],
    wrong: ['Why? Because.', 'It is big.'],
  },
  title: {
    right: ['<<Fire>>\nThey erupt. They rest.', '<<Rain>>\nDrip, drop.', '<<Toast>>\nToast bread.', '<<A fish>> What do you call it?'],
    wrong: ['Fire\n<<Fire>>', '<Fire>\nThey erupt.', '<<>>\nText'],
  },
  'json object': {
    right: [
      '{"name": "Ann", "age": 3}',
      '{"b": 1, "a": 2}',
      '{"city": "Paris", "country": "France"}',
      '{"title": "T", "author": "A", "year": 1}',
    ],
    wrong: ['["name", "age", "a", "b"]', '{"name": "Ann"}', "{'a': 1, 'b': 2}", '{"a": 1, "b": 2} as you see', 'null'],
  },
  'json list': {
    right: ['["red", "blue", "green"]', '[1, 2, 3, 4]', '["Pacific", "Atlantic"]', '["a", "b", "c", "d", "e"]'],
    wrong: ['{"0": "red"}', 'red, blue, green', '[1]', '[1, 2, 3, 4, 5, 6]'],
  },
  copy: {
    right: [
      'A small boat waits in the quiet harbour.',
      'Nine grey geese flew over our barn.',
      'The kettle sings before it boils.',
      'Seven tired clerks counted blue buttons.',
    ],
    wrong: ['a small boat waits in the quiet harbour.', 'Nine grey geese flew over our barn', 'Here: The kettle sings before it boils.'],
  },
  choice: { right: ['No.', 'false', 'B', 'Left'], wrong: ['maybe', 'Yes, it can.', 'true or false'] },
  'in words': {
    right: ['Seven', 'It is twelve.', 'twenty', 'Fifteen.'],
    wrong: ['7', 'seven (7), twelve (12), twenty (20), fifteen (15)', 'eleven', 'twenty-seven'],
  },
  order: {
    right: ['apple, melon, pear', 'bear, dog, fox, wolf', '3,5,8,9', 'red, green, blue.'],
    wrong: ['pear, apple, melon', 'apple melon pear', 'blue, green, red', '9, 8, 5, 3'],
  },
}

describe('the instructions', () => {
  it('are of many kinds, four each, and all different', () => {
    expect(rows.length).toBeGreaterThanOrEqual(60)
    expect(new Set(rows.map(({ kind }) => kind))).toEqual(new Set(Object.keys(KINDS)))
    for (const kind of Object.keys(KINDS)) expect(rowsOf(kind), kind).toHaveLength(4)
    expect(new Set(rows.map(({ instruction }) => instruction)).size).toBe(rows.length)
    expect(readFileSync(path.join(suite, 'README.md'), 'utf8')).toContain(
      `${rows.length} instructions of ${Object.keys(KINDS).length} kinds`,
    )
  })

  const NUMBERS = ['', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine', 'ten']

  it('say what their checks ask for, and have no variable that no check reads', () => {
    for (const { kind, instruction, count, text } of rows) {
      const { takes } = KINDS[kind]
      expect([count !== undefined, text !== undefined], instruction).toEqual([takes.includes('count'), takes.includes('text')])
      // Seasons are four, and what is added up is not told.
      if (count !== undefined) expect(instruction.toLowerCase()).toMatch(new RegExp(`\\b(${count}|${NUMBERS[count] ?? count})\\b`))
      if (text === undefined || kind === 'in words') continue
      for (const one of kind === 'copy' ? [text] : text.split(', ')) expect(instruction.toLowerCase()).toContain(one.toLowerCase())
    }
  })

  it('are asked of models by entries that decode, with what is known of promptfoo', () => {
    const { providers, prompts, tests } = read('promptfooconfig.yaml')
    expect([prompts, tests]).toEqual([['{{ instruction }}'], 'file://tests.yaml'])
    for (const { label, config } of providers) parseThinkingConfig(config, label)
    expect(providers.map(({ label }: { label: string }) => label)).toEqual([
      ...['before training', 'sequential', 'parallel', 'parallel, decoded sequentially'],
    ])
  })
})

describe.each(Object.keys(KINDS))('%s', (kind) => {
  const { right, wrong } = ANSWERS[kind]

  it('takes a right answer to each instruction', () => {
    for (const [i, vars] of rowsOf(kind).entries()) {
      expect(hasForm(right[i], { vars: { ...vars } }), `${vars.instruction} ${right[i]}`).toMatchObject({ pass: true, score: 1 })
      expect(hasForm(` ${right[i]}\n`, { vars: { ...vars } }).pass).toBe(true)
    }
  })

  it('refuses wrong ones, and those that say nothing', () => {
    for (const vars of rowsOf(kind)) {
      for (const said of [...wrong, '', ' ', '…']) {
        expect(hasForm(said, { vars: { ...vars } }), `${vars.instruction} ${said}`).toMatchObject({ pass: false, score: 0 })
      }
    }
  })
})

describe('what stands around an answer', () => {
  const vars = { kind: 'copy', text: 'Nine grey geese.', instruction: '' }

  it.each([
    ['a block', '<Parallel><Path>x</Path><Path>y</Path></Parallel>\n<Summary>z</Summary>\nNine grey geese.'],
    ['the words of the training set', 'So:\n\nFinal Answer: Nine grey geese.'],
    ['emphasis', '**Nine grey geese.**'],
    ['a fence', '```text\nNine grey geese.\n```'],
    ['a line before it', 'Here it is:\nNine grey geese.'],
    ['a line behind it', 'Nine grey geese.\nIs that right?'],
    ['both', 'Here it is:\nNine grey geese.\nIs that right?'],
  ])('is passed over where it is read loosely: %s', (_, output) => {
    expect(hasForm(output, { vars })).toMatchObject({ pass: false, namedScores: { loosely: 1, content: 0 } })
  })

  it('does not make a wrong answer right', () => {
    expect(hasForm('Here: Nine grey geese, and more', { vars })).toMatchObject({ pass: false, namedScores: { loosely: 0 } })
    expect(hasForm('Here it is:\n', { vars: { kind: 'at most words', count: 1 } })).toMatchObject({
      namedScores: { loosely: 0, length: 0 },
    })
  })

  it('may be long', () => {
    const long = `${'word, "x" '.repeat(5000)}\n`.repeat(10)
    for (const row of rows) {
      const grade = () => hasForm(long, { vars: { ...row } })
      expect(grade().score).toBeLessThanOrEqual(1)
      expect(fastest(grade, 100), row.kind).toBeLessThan(250)
    }
  })
})

describe('a test that asks for nothing that is known', () => {
  it.each([
    [{ kind: 'wrods' }, /needs a "kind". Got "wrods". There are: words, /],
    [{}, /Got undefined/],
    [{ kind: 'toString' }, /Got "toString"/],
    [{ kind: 'words' }, /"words" needs "count". Got undefined/],
    [{ kind: 'words', count: 0 }, /needs "count". Got 0/],
    [{ kind: 'copy', text: '' }, /needs "text". Got ""/],
  ])('is an error: %j', (vars, message) => {
    expect(() => hasForm('x', { vars })).toThrow(message)
  })
})

it('a row passes by its form alone', () => {
  expect(byForm({ follows: 1, parallel: 0 })).toMatchObject({ pass: true, score: 1 })
  expect(byForm({ follows: 0, parallel: 1, loosely: 1 })).toMatchObject({ pass: false, score: 0 })
})
