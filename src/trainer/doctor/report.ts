/** What `pr1-train doctor` prints of a stage. */

import { duration } from '../../cli/progress.ts'
import { plainLine } from '../../plain.ts'
import { shareOfProblems } from '../../report/intervals.ts'
import type { GrpoStage, SftStage } from '../config/config.ts'
import { findings, meanOf, percent, short } from './findings.ts'
import { informativeShare } from './informative.ts'
import { lossMask, type MaskOptions } from './mask.ts'
import { spreadOf, summarize } from './metrics.ts'
import type { Probe, RolloutProbe } from './probe.ts'

/** Group sizes for which the informative share is foretold. */
const SIZES = [4, 8, 16]

interface ReportOptions extends MaskOptions {
  decode(ids: readonly number[]): string
}

export function stageReport(stage: SftStage | GrpoStage, { sample, rollouts }: Probe, options: ReportOptions): string[] {
  const lines = [`Stage "${stage.name}" (${stage.kind})`]
  if (stage.kind === 'grpo' && rollouts) lines.push(...rolloutLines(stage, rollouts))
  const marked = options.color ? 'green' : 'between ⟦ and ⟧'
  const masked = sample.masked ? ' A budget ended it, and maskTruncated leaves it out.' : ''
  lines.push('', `Loss mask of ${stage.kind === 'sft' ? 'a sample' : 'a response'}: what is ${marked} is learnt.${masked}`)
  const mask = lossMask(sample.layout, options.decode, options)
  lines.push(...mask.split('\n').map((line) => `  ${line}`))
  return lines
}

function rolloutLines(stage: GrpoStage, probe: RolloutProbe): string[] {
  const { groups, rewards, classes, used, graderMs } = probe
  const all = groups.flat()
  const responses = all.length
  const group = groups[0].length
  const { mean, std } = spreadOf(rewards.flat())
  const sizes = [...new Set([...SIZES, stage.group])].filter((size) => size <= group).sort((a, b) => a - b)
  const lines = [
    `  ${groups.length} prompts x ${group} responses, ${meanOf(all.map(({ thought }) => thought.totalTokens)).toFixed(0)} tokens each, in ${time(probe.seconds)}`,
    '',
    `  reward       mean ${short(mean)}, standard deviation ${short(std)}; by prompt ${rewards.map((one) => short(meanOf(one))).join(' ')}`,
    ...sizes.map((size) => {
      const { value, low, high } = shareOfProblems(
        classes.map((one) => informativeShare(one, size)),
        responses,
      )
      const range = Number.isNaN(low) ? '' : ` (${percent(low)} to ${percent(high)})`
      return `  ${size === sizes[0] ? 'informative' : '           '}  ${percent(value).padStart(4)}${range} of groups of ${size}${size === stage.group ? ', as in the stage' : ''}`
    }),
    '',
    ...columns([
      ['metric', 'mean', 'std', 'min', 'max', 'in the reward'],
      ...summarize(all).map(({ name, mean, std, min, max }) => [
        plainLine(name),
        short(mean),
        short(std),
        short(min),
        short(max),
        used.has(name) ? 'yes' : '',
      ]),
    ]),
  ]
  if (graderMs.size > 0) {
    lines.push('', ...columns([['grader', 'ms'], ...[...graderMs].map(([grader, ms]) => [plainLine(grader), ms.toPrecision(2)])]))
  }
  lines.push('', `  ${costLine(stage, probe)}`)
  const found = findings(stage, probe)
  lines.push('', ...(found.length > 0 ? found.map((finding) => `  ! ${plainLine(finding)}`) : ['  Nothing stands out.']))
  return lines
}

/** Sampling and training grow with the responses; the update itself is not among it. */
function costLine(stage: GrpoStage, { groups, classes, seconds, training }: RolloutProbe): string {
  const wanted = stage.prompts * stage.group
  const sampling = (seconds * wanted) / groups.flat().length
  const share = meanOf(classes.map((one) => informativeShare(one, Math.min(stage.group, one.length))))
  const each = training ? training.seconds / training.responses : 0
  const step = sampling + each * wanted * share
  const learning = training ? `, ${time(each * wanted * share)} to learn from those that teach` : ''
  return `A step of ${wanted} responses takes about ${time(step)} (${time(sampling)} to sample${learning}), ${stage.steps} steps ${time(step * stage.steps)}.`
}

/** Columns side by side: the first to the left, numbers to the right. */
function columns(rows: readonly (readonly string[])[]): string[] {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)))
  return rows.map((row) => `  ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join('  ')}`.trimEnd())
}

const time = (seconds: number): string => (seconds < 10 ? `${seconds.toFixed(1)} s` : duration(seconds))
