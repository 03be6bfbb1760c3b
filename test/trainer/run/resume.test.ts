import { type ChildProcess, spawnSync } from 'node:child_process'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import path from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { commandLine } from '../../../src/cli/shell.ts'
import { inProofs } from '../../proofs.ts'
import { dyingDisk, hiddenNames } from '../disks.ts'
import { folderWithSuites, metrics, newFolder, results, root, run, spawnTrain, states, wholeRun } from '../runs.ts'

/** The run that all others are compared with: 5 steps of SFT, 3 of GRPO, never interrupted. */
let whole: string

beforeAll(async () => {
  ;({ whole } = await wholeRun())
})

describe('a run that is interrupted', () => {
  it('goes on bit for bit, in the middle of either stage and at their border', async () => {
    const folder = folderWithSuites(whole)
    for (const stopAfter of [3, 2, 1]) {
      const { outcome, text } = await run(folder, { stopAfter })
      expect(outcome).toBe('interrupted')
      expect(text).toContain('--resume')
    }
    expect(states(folder).at(-1)).toBe('step-00000006')
    expect((await run(folder)).outcome).toBe('finished')
    expect(results(folder)).toEqual(results(whole))
    // Once more does nothing.
    expect((await run(folder)).text).toContain('Finished: 8 steps')
    expect(results(folder)).toEqual(results(whole))
  })

  it('is not written over, and not gone on with under another configuration', async () => {
    await expect(run(whole, { resume: false })).rejects.toThrow(/stands at step 8.*--resume/)
    const sets = ['stages.rl.lr=0.5', 'seed=8', 'stages.rl.steps=2', 'threads=1']
    await expect(run(whole, { sets, overrides: { output: whole, sets } })).rejects.toThrow(
      new RegExp(
        [
          'the configuration changed\\.',
          '  seed +was 7, is 8',
          '  stages\\.rl\\.lr +was 0\\.001, is 0\\.5',
          '  stages\\.rl\\.steps +was 3, is 2',
          'To go on as it began: .*pr1-train -c .*/train\\.yaml --output .* --set threads=1 --set seed=7 --set stages\\.rl\\.lr=0\\.001 --set stages\\.rl\\.steps=3 --resume',
          'To train with the new values, name .*/checkpoints/step-00000008 as model\\.checkpoint and choose another --output, without --resume\\.$',
        ].join('\n'),
      ),
    )
  })

  it('takes a corrected reward where it may, and notes it in its log', async () => {
    const folder = folderWithSuites(whole)
    const sets = ['stages.rl.reward=1 / max(0, 2 - step)']
    // The second step divides by zero: the first is saved.
    await expect(run(folder, { sets })).rejects.toThrow(/The reward "1 \/ max\(0, 2 - step\)" is Infinity/)
    expect(states(folder).at(-1)).toBe('step-00000006')
    await expect(run(folder)).rejects.toThrow(
      /To go on as it began: .* --set 'stages\.rl\.reward=1 \/ max.* --resume\nTo go on with the new reward: .* --allow-change reward --resume\n/,
    )
    const { outcome, text } = await run(folder, { allowChange: ['reward'] })
    expect(outcome).toBe('finished')
    expect(text).toContain('stages.rl.reward was 1 / max(0, 2 - step). From here on it is digits + 0.1 * blocks')
    const change = { total: 6, path: 'stages.rl.reward', was: '1 / max(0, 2 - step)', is: 'digits + 0.1 * blocks' }
    expect(metrics(folder).map(({ step, change }) => step ?? change)).toEqual([1, 2, 3, 4, 5, 1, change, 2, 3])
    expect((await run(folder)).outcome).toBe('finished')
  })

  it('prints the command that goes on, which a shell reads as it was given', async () => {
    const folder = path.join(folderWithSuites(whole, "it's/a run"), "it's/a run")
    const sets = ["stages.rl.reward='digits + 0.1 * blocks'", 'save={ every: 2, keep: 2, dtype: float32 }']
    const overrides = { output: folder, sets, device: 'cpu' }
    const { text } = await run(folder, { sets, overrides, stopAfter: 6 })
    const command = /Go on with: (.*)/.exec(text)![1]
    const cli = [process.execPath, '--import', createRequire(import.meta.url).resolve('tsx'), path.join(root, 'src/trainer/cli.ts')]
    const bin = newFolder()
    for (const [name, line] of Object.entries({ 'pr1-train': `${commandLine(cli)} "$@"`, npx: '"$@"' }))
      writeFileSync(path.join(bin, name), `#!/bin/sh\nexec ${line}\n`, { mode: 0o755 })
    const env = { ...process.env, PATH: `${bin}:${process.env.PATH}` }
    const { status, stderr } = spawnSync('sh', ['-c', command], { cwd: bin, env, encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    expect(results(folder)).toEqual(results(whole))
  })

  it('may get longer, in the middle and when it is finished', async () => {
    const folder = folderWithSuites(whole)
    await run(folder, { sets: ['stages.rl.steps=1'], stopAfter: 6 })
    const { text } = await run(folder, { sets: ['stages.rl.steps=2', 'save.every=1'] })
    expect(text).toContain('Stage "rl" has 2 steps now, not 1')
    expect((await run(folder)).text).toMatch(/Stage "rl" has 3 steps now, not 2.*Finished: 8 steps/s)
    const [longer, straight] = [results(folder), results(whole)]
    for (const what of ['base', 'final', 'weights', 'moments', 'state']) expect(longer[what], what).toEqual(straight[what])

    await expect(run(folder, { sets: ['stages.base.steps=6'] })).rejects.toThrow('Stage "base" is finished with 5 steps. Got steps: 6.')
    await expect(run(folder, { sets: ['stages.rl.steps=2'] })).rejects.toThrow('Stage "rl" is finished with 3 steps. Got steps: 2.')
    const begun = folderWithSuites(whole)
    await run(begun, { stopAfter: 3 })
    await expect(run(begun, { sets: ['stages.base.steps=2'] })).rejects.toThrow(
      'Stage "base" has done 3 steps. Got steps: 2. Use 3 or more.',
    )
  })

  it.runIf(inProofs)(
    'loses only work when it is killed, at any moment',
    async () => {
      const folder = folderWithSuites(whole)
      await run(folder, { stopAfter: 1, sets: ['save.every=1'] })
      let kills = 0
      for (const delay of [8, undefined]) {
        const child = spawnTrain(folder, ['--set', 'save.every=1', '--resume'])
        // Somewhere in or after the first step of this attempt: an update, a save, an export.
        let armed = delay !== undefined
        child.stdout?.on('data', (data: Buffer) => {
          if (!armed || !/\d+\/\d+ {2}/.test(data.toString())) return
          armed = false
          setTimeout(() => child.kill('SIGKILL'), delay)
        })
        const { code, signal, errors } = await ended(child)
        if (signal === 'SIGKILL') kills += 1
        else expect(code, errors).toBe(0)
      }
      expect(kills).toBeGreaterThan(0)
      expect(results(folder)).toEqual(results(whole))
      expect(hiddenNames(folder)).toEqual([])
    },
    180_000,
  )

  it.each(inProofs ? [2, 17, 31, 44, 58, 71, 90] : [17, 58])('loses only work when it dies at write %i', async (last) => {
    const folder = folderWithSuites(whole)
    await expect(run(folder, { ops: dyingDisk(last) })).rejects.toThrow(/gone/)
    expect((await run(folder)).outcome).toBe('finished')
    expect(results(folder)).toEqual(results(whole))
    expect(hiddenNames(folder)).toEqual([])
  })

  it.runIf(inProofs).each([
    ['SIGTERM', { code: 143, signal: null }],
    ['SIGHUP', { code: null, signal: 'SIGHUP' }],
  ] as const)(
    'ends a step, saves and says how to go on at %s',
    async (signal, end) => {
      const folder = folderWithSuites(whole)
      const sets = ['stages.base.steps=4000']
      await run(folder, { sets, stopAfter: 1 })
      const child = spawnTrain(folder, [...sets.flatMap((set) => ['--set', set]), '--resume'])
      let text = ''
      child.stdout?.on('data', (data: Buffer) => {
        if (!text.includes('base 3/') && (text + data).includes('base 3/')) {
          child.kill(signal)
          if (signal === 'SIGHUP') {
            // A terminal that closes takes the streams with it, and its shell says it once more.
            for (const stream of [child.stdout, child.stderr]) stream?.destroy()
            setTimeout(() => child.kill(signal), 1)
          }
        }
        text += data
      })
      expect(await ended(child)).toMatchObject(end)
      if (signal === 'SIGTERM') {
        expect(text).toMatch(/Interrupted after step \d+ of stage "base"; everything is saved\. Go on with: (npx )?pr1-train .* --resume/)
      }
      expect(metrics(folder).length).toBe(Number(states(folder).at(-1)!.slice(5)))
      expect(readdirSync(folder).filter((name) => name.startsWith('lock-'))).toEqual([])
    },
    120_000,
  )
})

describe('a run whose newest state is damaged', () => {
  it('says so, and goes on bit for bit from the one before when asked to', async () => {
    const folder = folderWithSuites(whole)
    const sets = ['save.every=1']
    await run(folder, { sets, stopAfter: 3 })
    const file = path.join(folder, 'checkpoints', 'step-00000003', 'trainer', 'moments.safetensors')
    const bytes = readFileSync(file)
    bytes[bytes.length - 100] ^= 1
    writeFileSync(file, bytes)
    await expect(run(folder, { sets })).rejects.toThrow(/moments\.safetensors: tensor .*step-00000002.*--resume=previous/s)
    await expect(run(folder, { sets, resume: false })).rejects.toThrow(/stands at step 3.*--resume/)
    const { outcome, text } = await run(folder, { sets, resume: 'previous' })
    expect(outcome).toBe('finished')
    expect(text).toContain(`Going on from ${path.join(folder, 'checkpoints', 'step-00000002')}`)
    expect(text).toMatch(/a state was damaged and is now .*damaged-step-00000003/)
    expect(results(folder)).toEqual(results(whole))
    expect((await run(folder, { resume: 'previous' })).text).toContain('Finished: 8 steps')
  })
})

async function ended(child: ChildProcess): Promise<{ code: number | null; signal: string | null; errors: string }> {
  let errors = ''
  child.stderr?.on('data', (data: Buffer) => {
    errors += data
  })
  return new Promise((done) => child.once('close', (code, signal) => done({ code, signal, errors })))
}
