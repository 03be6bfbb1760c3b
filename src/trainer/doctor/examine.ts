/** `pr1-train doctor`: a probe of every stage of a run, and what it says. All of them find the model as the run does. */

import type { SftStage, Stage, TrainingStage } from '../config/config.ts'
import { Generator } from '../generate/generator.ts'
import { probeReport } from '../generate/probe-report.ts'
import type { Reader } from '../model/session.ts'
import type { Recipe } from '../recipe.ts'
import { doctorCommand } from '../run/next-command.ts'
import { decodes } from '../run/open-session.ts'
import type { Run } from '../run/run.ts'
import type { ProbeOptions } from './probe.ts'
import { stageReport } from './report.ts'

export async function examine(
  run: Run,
  { checkpoint }: Reader,
  stages: readonly Stage[],
  recipes: readonly (Recipe | Generator)[],
  options: ProbeOptions & { color: boolean },
): Promise<void> {
  const decode = (ids: readonly number[]): string => checkpoint.tokenizer.decode(ids, { keepSpecial: true })
  for (const [i, stage] of stages.entries()) {
    const before = stages[i - 1]
    const recipe = recipes[i]
    if (before && decodes(stage)) {
      const next = doctorCommand(run.config, run.options, stage.name)
      run.say(`The model is not trained by stage "${before.name}" yet. When it is, look again: ${next}`)
    }
    if (!(recipe instanceof Generator) && recipe.begin) {
      run.say(`Stage "${stage.name}" learns what stage "${(stage as SftStage).from}" will keep. When that has run, look again.\n`)
      continue
    }
    const report =
      recipe instanceof Generator
        ? probeReport(recipe.stage, await recipe.probe(options.prompts, options.group))
        : stageReport(stage as TrainingStage, await recipe.probe(options), { decode, color: options.color })
    // Styled, so it is made plain where it is made.
    run.output.write(`${report.join('\n')}\n\n`)
  }
}
