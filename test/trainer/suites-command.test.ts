import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { describe, expect, it } from 'vitest'
import { loadSuite } from '../../src/trainer/suite/suite.ts'
import { suitesCommand } from '../../src/trainer/suites-command.ts'
import { call } from './kept/runs.ts'
import { editSuite, fixture, folderWithSuites, newFolder, results, run, wholeRun } from './runs.ts'

describe('rows for a machine without promptfoo', () => {
  it('are written once, and a run takes them: the bits are those of a run that asked promptfoo', async () => {
    const { whole } = await wholeRun()
    const home = newFolder()
    const { code, said } = await call(suitesCommand, '-c', fixture('train.yaml'), '-o', home)
    expect(code).toBe(0)
    expect(said).toContain(`Train on them with: pr1-train -c ${fixture('train.yaml')} --suites ${home}`)
    for (const stage of ['base', 'rl'])
      expect(readFileSync(path.join(home, 'suites', `${stage}.jsonl`), 'utf8')).toBe(
        readFileSync(path.join(whole, 'suites', `${stage}.jsonl`), 'utf8'),
      )
    await expect(call(suitesCommand, '-c', fixture('train.yaml'), '-o', home)).rejects.toThrow(
      /holds rows already.*choose another --output/,
    )

    await expect(call(suitesCommand, '-c', fixture('train.yaml'), '-o', newFolder(), '--stage', 'r1')).rejects.toThrow(
      /no stage "r1" .*There are: base, rl\.$/,
    )

    const folder = path.join(newFolder(), 'run')
    const asked = { resume: false, keptSuites: false, suites: home }
    const { text } = await run(folder, { ...asked, stopAfter: 2 })
    expect(text).toContain(`sft.yaml from ${home}`)
    expect(text).not.toContain('with promptfoo')
    expect(text).toMatch(/Go on with: .*pr1-train .* --suites \S+ --resume/)
    // It has rows of its own by now.
    renameSync(path.join(home, 'suites'), path.join(home, 'gone'))
    await run(folder, { ...asked, resume: true })
    expect(results(folder)).toEqual(results(whole))
  })

  it('are refused where they are of another suite or provider, have no tests, or are not there', async () => {
    const home = folderWithSuites((await wholeRun()).whole)
    const from = (name: string) => path.join(home, 'suites', name)
    const take = (file: string, more: object) => loadSuite(fixture(file), { tests: true, ...more })
    expect((await take('rl.yaml', { from: from('rl.jsonl'), provider: 'parallel' })).rows).toHaveLength(24)
    for (const [wrong, why] of [
      [
        () => take('rl.yaml', { from: from('other.jsonl') }),
        /^--suites has no rows of .*rl\.yaml: there is no .*other\.jsonl\. Write them with "pr1-train suites"/,
      ],
      [() => take('sft.yaml', { from: from('rl.jsonl') }), /has the rows of rl\.yaml for "parallel"\. Got a stage that asks sft\.yaml/],
      [
        () => take('rl.yaml', { from: from('rl.jsonl'), provider: 'serial' }),
        /for "parallel"\. Got a stage that asks rl\.yaml for "serial"/,
      ],
      [() => take('sft.yaml', { from: from('base.jsonl') }), /has rows without tests/],
    ] as const)
      await expect(wrong()).rejects.toThrow(why)
    editSuite(home, 'rl', (_, provider) => Object.assign(provider.config, { tags: 'text' }))
    await expect(take('rl.yaml', { from: from('rl.jsonl'), decodes: true })).rejects.toThrow(/Training adds the six tags/)
    const text = readFileSync(from('rl.jsonl'), 'utf8')
    writeFileSync(from('rl.jsonl'), text.replace('digits', 'digitz'))
    await expect(take('rl.yaml', { from: from('rl.jsonl') })).rejects.toThrow(/checksum is another/)
  })

  it('asks for a file and a folder', async () => {
    for (const args of [
      ['-c', 'train.yaml'],
      ['-o', 'x'],
      ['-c', 'a', '-o', 'b', 'more'],
    ])
      await expect(call(suitesCommand, ...args)).rejects.toThrow('takes a training file after -c and a folder after -o')
    expect(existsSync('x')).toBe(false)
  })
})
