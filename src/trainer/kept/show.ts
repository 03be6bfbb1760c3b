/** `pr1-train show`: rollouts of a step, readable in a terminal. */

import { runCommand, UsageError } from '../../cli/arguments.ts'
import { styled } from '../../cli/styled.ts'
import { readInt } from '../../config-keys.ts'
import { nearestName } from '../../nearest-name.ts'
import { plainJson, plainLine } from '../../plain.ts'
import { countedPartsOf } from '../../report/page/payload.ts'
import { type DrawOptions, drawTree } from '../../report/tree/draw.ts'
import { isTruncated, type KeptRollout, type KeptStep, RolloutsError } from '../../rollouts/format.ts'
import { readStep } from '../../rollouts/reader.ts'
import { chooseStep, runOf } from './choose.ts'

const USAGE = `pr1-train show <run> [options]

Prints rollouts of a step: the prompt, the response as a tree, metrics, reward and advantage. <run> is the folder of a run.

      --step <n>       step of the stage, counted from 1 (the newest that is kept)
      --stage <name>   stage, where several have such a step
      --prompt <n>     responses to this prompt of the step alone, counted from 1
      --sort <what>    reward, advantage, tokens, or a metric: the largest first, with a minus (--sort=-reward) the smallest
      --only <which>   right, wrong, truncated, or teaching (those that changed the weights)
      --metric <name>  what says right: 1 of this metric ("answer" where there is one, else a reward above 0)
      --limit <n>      most responses (10); 0: all
  -w, --width <n>      cells of a line (the terminal's, or 80)
      --json           the same choice as JSON, texts whole
  -h, --help           this text
      --version        version of the package

NO_COLOR=1 prints without colour.`

const OPTIONS = {
  step: { type: 'string' },
  stage: { type: 'string' },
  prompt: { type: 'string' },
  sort: { type: 'string' },
  only: { type: 'string' },
  metric: { type: 'string' },
  limit: { type: 'string' },
  width: { type: 'string', short: 'w' },
  json: { type: 'boolean' },
} as const

type Values = Partial<Record<Exclude<keyof typeof OPTIONS, 'json'>, string>> & { json?: boolean }

interface Terminal {
  columns?: number
  isTTY?: boolean
}

/** Runs the command and returns its exit code. Throws ParallelR1Error on what the user can mend. */
export function showCommand(args: readonly string[], print: (text: string) => void, terminal: Terminal = process.stdout): Promise<number> {
  return runCommand({ name: 'pr1-train show', usage: USAGE, options: OPTIONS }, args, print, ({ values, positionals }) => {
    const run = runOf(positionals, 'show')
    const { json, ...texts }: Values = { ...values }
    const where = 'the options of pr1-train show'
    const limit = readInt(texts, 'limit', 10, where, { min: 0 })
    const width = readInt(texts, 'width', terminal.columns || 80, where, { min: 20, max: 1000 })
    const step = readStep(chooseStep(run, texts).file)
    const isRight = rightBy(step, texts.metric)
    const chosen = choose(step, texts, isRight)
    const shown = limit === 0 ? chosen : chosen.slice(0, limit)
    if (json) print(`${plainJson({ header: step.header, rollouts: shown })}\n`)
    else {
      const options = { width, color: terminal.isTTY === true && !process.env.NO_COLOR }
      print(`${describe(step, isRight, options).join('\n')}\n\n${shown.map((one) => draw(one, step, isRight(one), options)).join('\n')}`)
      if (chosen.length > shown.length) print(`\n${chosen.length - shown.length} more: --limit 0 prints all.\n`)
    }
    return 0
  })
}

type IsRight = (rollout: KeptRollout) => boolean

function rightBy({ rollouts }: KeptStep, metric: string | undefined): IsRight {
  const known = metricsOf(rollouts)
  if (metric !== undefined && !known.includes(metric)) throw unknownName('--metric', metric, known)
  const decides = metric ?? (known.includes('answer') ? 'answer' : undefined)
  return decides === undefined ? ({ reward }) => reward > 0 : ({ metrics }) => (metrics[decides] ?? 0) >= 1
}

function choose({ rollouts }: KeptStep, { prompt, only, sort }: Values, isRight: IsRight): KeptRollout[] {
  const groups = new Set(rollouts.map(({ group }) => group)).size
  const number = prompt === undefined ? undefined : readInt({ prompt }, 'prompt', 1, 'the options of pr1-train show', { min: 1 })
  if (number !== undefined && number > groups) {
    throw new RolloutsError(`There is no prompt ${number} in this step. There are ${groups}. Choose one with --prompt.`)
  }
  const which: Record<string, (rollout: KeptRollout) => boolean> = {
    right: isRight,
    wrong: (one) => !isRight(one),
    truncated: isTruncated,
    teaching: ({ teaches }) => teaches,
  }
  if (only !== undefined && !Object.hasOwn(which, only)) throw new UsageError(unknownName('--only', only, Object.keys(which)).message)
  const chosen = rollouts.filter((one) => (number === undefined || one.group === number - 1) && (only === undefined || which[only](one)))
  if (sort === undefined) return chosen
  const smallest = sort.startsWith('-')
  const key = keyOf(rollouts, smallest ? sort.slice(1) : sort)
  // Those that lack it come last.
  const value = (one: KeptRollout): number => (smallest ? -1 : 1) * (key(one) ?? (smallest ? 1 : -1) * Number.MAX_VALUE)
  return chosen.sort((a, b) => value(b) - value(a))
}

function keyOf(rollouts: readonly KeptRollout[], name: string): (rollout: KeptRollout) => number | undefined {
  if (name === 'reward' || name === 'advantage') return (one) => one[name]
  if (name === 'tokens') return ({ metadata }) => metadata.totalTokens
  const known = metricsOf(rollouts)
  if (!known.includes(name)) throw unknownName('--sort', name, ['reward', 'advantage', 'tokens', ...known])
  return ({ metrics }) => metrics[name]
}

function metricsOf(rollouts: readonly KeptRollout[]): string[] {
  return [...new Set(rollouts.flatMap(({ metrics }) => Object.keys(metrics)))]
}

function unknownName(option: string, got: string, known: readonly string[]): RolloutsError {
  const near = nearestName(got, known)
  return new RolloutsError(
    `${option} has no "${got}" in this step. ${near ? `Did you mean "${near}"?` : `There are: ${known.join(', ')}.`}`,
  )
}

/** The step as a whole. */
function describe({ header, rollouts }: KeptStep, isRight: IsRight, options: DrawOptions): string[] {
  const groups = new Set(rollouts.map(({ group }) => group)).size
  const share = (test: IsRight) => `${((100 * rollouts.filter(test).length) / Math.max(1, rollouts.length)).toFixed(0)}%`
  const mean = rollouts.reduce((sum, { reward }) => sum + reward, 0) / Math.max(1, rollouts.length)
  const teaching = new Set(rollouts.filter(({ teaches }) => teaches).map(({ group }) => group)).size
  const terms = header.terms.map(
    ({ reward, weight, where }) => `${weight === 1 ? '' : `${weight} × `}${reward}${where ? ` where ${where}` : ''}`,
  )
  return [
    styled(plainLine(`Step ${header.step} of ${header.stage}: ${groups} prompts, ${rollouts.length} responses`), 'bold', options),
    `reward ${mean.toFixed(3)}, right ${share(isRight)}, teaching prompts ${teaching}/${groups}, truncated ${share(isTruncated)}`,
    styled(plainLine(`reward: ${terms.join(', ')}`), 'faint', options),
  ]
}

function draw(rollout: KeptRollout, { rollouts }: KeptStep, right: boolean, options: DrawOptions): string {
  const { group, member, problem, prompt, text, metadata, metrics, rewards, reward, advantage, paths, outside, teaches, penalty } = rollout
  const size = rollouts.filter((one) => one.group === group).length
  const said = (value: number): string => String(Number(value.toPrecision(4)))
  const name = `Prompt ${group + 1} (problem ${problem}), response ${member + 1} of ${size}: ${right ? 'right' : 'wrong'}`
  const scores = Object.entries(metrics).map(([metric, score]) => `${metric} ${said(score)}`)
  const terms = rewards.length > 1 ? ` (${rewards.map((one) => (one === null ? '–' : said(one))).join(', ')})` : ''
  const taken = penalty === undefined ? '' : ` less ${said(penalty)} of KL`
  const facts = [
    `${metadata.criticalPathTokens} tokens along the longest chain`,
    `${metadata.totalTokens} in all${isTruncated(rollout) ? ', ended by a budget' : ''}`,
    `seed ${metadata.seed}`,
  ]
  return [
    styled(plainLine(name), right ? 'green' : 'bold', options),
    plainLine(
      `reward ${said(reward)}${terms}${taken}, advantage ${said(advantage)}${teaches ? '' : ', teaches nothing'}  |  ${scores.join('  ')}`,
    ),
    styled(facts.join(', '), 'faint', options),
    ...(paths ?? []).map((block, b) => {
      const credit = block.map(({ found, advantage }) => `${said(advantage)}${found > 0 ? ` (found ${said(found)})` : ''}`)
      return styled(`advantages of the paths of block ${b + 1}: ${credit.join(', ')}`, 'faint', options)
    }),
    ...(outside ? [styled(`advantages outside of paths, after 0 blocks and on: ${outside.map(said).join(', ')}`, 'faint', options)] : []),
    '',
    drawTree([{ text: prompt, tokens: -1 }], options),
    '',
    drawTree(countedPartsOf(text, metadata), options) || styled('(an empty response)', 'faint', options),
    '',
    '',
  ].join('\n')
}
