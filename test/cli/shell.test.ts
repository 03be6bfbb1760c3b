import { execFileSync } from 'node:child_process'
import { expect, it } from 'vitest'
import { commandLine } from '../../src/cli/shell.ts'

it('leaves plain words as they are, and quotes the others', () => {
  expect(commandLine(['pr1-train', '-c', '/a/train.yaml', '--set', 'lr=1e-5'])).toBe('pr1-train -c /a/train.yaml --set lr=1e-5')
  expect(commandLine(['a b', "it's", ''])).toBe(`'a b' 'it'\\''s' ''`)
})

it('is read back by a shell as the same words', () => {
  const words = [
    '',
    ' ',
    "'",
    `"'"`,
    '$HOME',
    '`id`',
    '$(id)',
    '\\',
    'a\\nb',
    'a\nb',
    '*',
    '~',
    '!',
    '#',
    ';',
    '&',
    '{a,b}',
    '[a]',
    'é ü',
    '=',
    '-x',
  ]
  const said = execFileSync('sh', ['-c', `printf '%s\\0' ${commandLine(words)}`], { encoding: 'utf8' })
  expect(said.split('\0').slice(0, -1)).toEqual(words)
})
