import { within } from '../checkpoint/foreign.ts'
import { problem, show } from '../checkpoint/problem.ts'
import { CheckpointError } from '../errors.ts'
import type { PeftConfig } from './config.ts'

/**
 * Which layers an `adapter_config.json` means, and with which rank and alpha: `check_target_module_exists` and `get_pattern_key`
 * of PEFT 0.21.2. Python's regular expressions run as JavaScript's with the flag u, which refuses what it does not share.
 */

/** An adapter as the configuration describes it. */
interface Target {
  /** Name of the layer, without `.weight`. */
  layer: string
  rank: number
  alpha: number
}

/** All matches of one configuration. Names are short: only a pattern made to be slow takes longer. */
const defaultTimeoutMs = 3000

/**
 * The layers of `names` that are adapted, in this order.
 * @param names of the model's linear layers, and of others that may be meant
 * @param timeoutMs of one try
 * @returns the warnings name layers whose rank or alpha depends on the order of patterns
 * @throws CheckpointError naming the key of a pattern that cannot be read
 */
export function targetsOf(
  config: PeftConfig,
  names: readonly string[],
  timeoutMs = defaultTimeoutMs,
): { targets: Target[]; warnings: string[] } {
  try {
    return within(timeoutMs, () => resolve(config, names))
  } catch (error) {
    if (error instanceof CheckpointError) throw error
    throw problem(
      { file: config.file },
      `patterns that end within ${timeoutMs / 1000} s`,
      error instanceof Error ? error.message : String(error),
    )
  }
}

function resolve(config: PeftConfig, names: readonly string[]): { targets: Target[]; warnings: string[] } {
  const isTarget = targetTest(config)
  const [rankOf, alphaOf] = [patternTest(config, 'rank_pattern'), patternTest(config, 'alpha_pattern')]
  const targets: Target[] = []
  const overlaps = new Map<string, string>()
  for (const layer of names.filter(isTarget)) {
    const [ranks, alphas] = [rankOf(layer), alphaOf(layer)]
    targets.push({ layer, rank: ranks[0]?.value ?? config.rank, alpha: alphas[0]?.value ?? config.alpha })
    for (const [key, found] of [['rank_pattern', ranks] as const, ['alpha_pattern', alphas] as const]) {
      const other = found.find(({ value }) => value !== found[0].value)
      if (other && !overlaps.has(key))
        overlaps.set(
          key,
          `${config.file}: ${key}: ${show(found[0].pattern)} and ${show(other.pattern)} both match ${layer}, and the first counts, as in PEFT. ` +
            'PEFT sorts the patterns when it saves, so the adapter may have been trained with the other. Compare with the run that made it.',
        )
    }
  }
  return { targets, warnings: [...overlaps.values()] }
}

/** `check_target_module_exists` */
function targetTest({ file, targets, exclude, layers, layersPattern }: PeftConfig): (name: string) => boolean {
  const fits = (list: readonly string[], name: string) => list.some((one) => name === one || name.endsWith(`.${one}`))
  const excludes = typeof exclude === 'string' ? whole(exclude, 'exclude_modules', file) : undefined
  const excluded = (name: string) => (excludes ? excludes.test(name) : fits((exclude ?? []) as readonly string[], name))
  if (typeof targets === 'string') {
    if (layers || layersPattern)
      throw problem({ file, key: 'target_modules' }, 'a list, beside layers_to_transform or layers_pattern', show(targets))
    // The head is left out: `linearWeights` has none.
    if (targets.toLowerCase() === 'all-linear') return (name) => /\.layers\.\d+\./.test(name) && !excluded(name)
    const target = whole(targets, 'target_modules', file)
    return (name) => target.test(name) && !excluded(name)
  }
  // The first number in the name: of a layer, not of a part of it.
  const numbers = layersPattern
    ? layersPattern.map((pattern) => compile(`^(?:|.*?\\.)${pattern}\\.(?<layer>\\d+)\\.`, pattern, 'layers_pattern', file))
    : [/^.*?\.[^.]*\.(?<layer>\d+)\./u]
  const inLayers = (name: string) => {
    const match = numbers.map((pattern) => pattern.exec(name)).find((found) => found !== null)
    return match?.groups?.layer !== undefined && layers!.includes(Number(match.groups.layer))
  }
  return (name) => {
    if (excluded(name)) return false
    if (targets.includes(name)) return true
    return fits(targets, name) && (layers === undefined || inLayers(name))
  }
}

/** `get_pattern_key`, with all that match: the first counts. */
function patternTest(config: PeftConfig, key: 'rank_pattern' | 'alpha_pattern'): (name: string) => { pattern: string; value: number }[] {
  const entries = key === 'rank_pattern' ? config.rankPattern : config.alphaPattern
  const compiled = entries.map(([pattern, value]) => ({
    ...{ pattern, value },
    fits: isPlain(pattern) ? endTest(pattern) : regularTest(`^(.*\\.)?(${pattern})$`, pattern, key, config.file),
  }))
  return (name) => compiled.filter(({ fits }) => fits(name))
}

/** One name, as PEFT and others write for each of hundreds of layers: a regular expression for each and every layer takes seconds. */
function isPlain(pattern: string): boolean {
  return /^[\w.]+$/.test(pattern)
}

/** The same as the regular expression of a plain name, in which a dot is any character. */
function endTest(pattern: string): (name: string) => boolean {
  return (name) => {
    const start = name.length - pattern.length
    if (start < 0 || (start > 0 && name[start - 1] !== '.')) return false
    for (let i = pattern.length - 1; i >= 0; i--) if (pattern[i] !== '.' && pattern[i] !== name[start + i]) return false
    return true
  }
}

function regularTest(source: string, pattern: string, key: string, file: string): (name: string) => boolean {
  const regular = compile(source, pattern, key, file)
  return (name) => regular.test(name)
}

/** `re.fullmatch` */
function whole(pattern: string, key: string, file: string): RegExp {
  return compile(`^(?:${pattern})$`, pattern, key, file)
}

function compile(source: string, pattern: string, key: string, file: string): RegExp {
  try {
    return new RegExp(source, 'u')
  } catch {
    throw problem({ file, key }, 'a regular expression that Python and JavaScript share', show(pattern), 'Write the names of the layers.')
  }
}
