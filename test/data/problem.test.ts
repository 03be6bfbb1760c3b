import { expect, it } from 'vitest'
import { parseProblems } from '../../src/data/problem.ts'

it('a file may begin with a byte-order mark, and hold integers where text is meant', () => {
  const [problem] = parseProblems('\uFEFF{"id": 7, "problem": "6 times 7?", "answer": 42}\n', 'mine.jsonl')
  expect(problem).toEqual({ id: '7', problem: '6 times 7?', answer: '42' })
})

it.each(['9007199254740993', '1.5', 'true', '[42]'])('an answer that is %s is refused, naming the line', (answer) => {
  const file = () => parseProblems(`{"id": "a", "problem": "p", "answer": ${answer}}`, 'mine.jsonl')
  expect(file).toThrow(/"answer" in line 1 of mine\.jsonl/)
})
