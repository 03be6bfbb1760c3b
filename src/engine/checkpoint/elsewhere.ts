/** What a `checkpoint` is where it is neither a Hugging Face folder nor a GGUF file, and what to do with it today. */

import { readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { nearestPath } from '../../nearest-name.ts'
import { CheckpointError } from '../errors.ts'
import { adapterConfigFile, configFile, fileProblem, statFile } from './files.ts'
import { errorCode } from './problem.ts'

const POINT =
  'Point "checkpoint" at a Hugging Face folder or a GGUF file, relative to the config file, name a model of the hub (owner/name), or train one: npx pr1-train -c train.yaml.'

/** The folder holds no config.json, or is no folder, or is not there: the error says what it is and how to come from there to a checkpoint. */
export function noCheckpoint(place: string): CheckpointError {
  const { what, next } = describe(place)
  return new CheckpointError(`No checkpoint at ${place}: expected a Hugging Face folder or a GGUF file, found ${what}. ${next}`)
}

/** What stands in a folder in the place of safetensors, and the next step. */
export function otherWeights(folder: string): { what: string; next: string } | undefined {
  const names = namesIn(folder)
  if (names.includes(adapterConfigFile))
    return { what: 'a LoRA adapter without a model beside it', next: 'It is opened with its base: name the folder of the base in "base".' }
  const bin = names.find((name) => /\.(bin|pt|pth)$/i.test(name))
  if (!bin) return undefined
  const convert = python('from transformers import AutoModelForCausalLM as M; M.from_pretrained(a[1]).save_pretrained(a[1])', [folder])
  return {
    what: `weights pickled by PyTorch only (${bin}), which are not read`,
    next: `Write them as safetensors (pip install transformers torch): ${convert}`,
  }
}

function describe(place: string): { what: string; next: string } {
  try {
    const isFolder = statSync(place).isDirectory()
    if (isFolder) statFile(path.join(place, configFile))
    if (isFolder) return otherWeights(place) ?? { what: `a folder that has no ${configFile}`, next: POINT }
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw fileProblem(place, error, 'a checkpoint folder')
    const near = nearestPath(place)
    return { what: 'no such file or folder', next: near === undefined ? POINT : `Did you mean ${near}?` }
  }
  const folder = path.dirname(place)
  if (/\.safetensors(\.index\.json)?$/i.test(place) || path.basename(place) === configFile) {
    const what = namesIn(folder).includes(configFile) ? 'a file of a checkpoint' : `weights without a ${configFile} beside them`
    return { what, next: `Name the folder that holds ${configFile}, tokenizer.json and the weights: checkpoint: ${folder}` }
  }
  return { what: 'a file', next: POINT }
}

/** A command for a shell. Paths are arguments, never part of the code. */
function python(code: string, args: readonly string[]): string {
  return `python3 -c "from sys import argv as a; ${code}" ${args.map((arg) => `'${arg.replaceAll("'", "'\\''")}'`).join(' ')}`
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    throw fileProblem(folder, error, 'a checkpoint folder')
  }
}
