/** Which files of a repository are the GGUF model that is asked for: `owner/name:Q4_K_M`, as llama.cpp writes it, or `owner/name:file.gguf`. */

const SHARD = /-(\d{5})-of-(\d{5})$/
const WHOLE_NAMES = 8

/**
 * The file of the model, or all of its shards in order; undefined where some are missing, or where none or several fit.
 * @param names paths of the files there
 * @param asked a file, with or without its folder, or the quantisation at the end of its name, or of its folder's
 */
export function ggufNamed(names: readonly string[], asked: string): string[] | undefined {
  const wanted = asked
    .toLowerCase()
    .replace(/\.gguf$/, '')
    .replace(SHARD, '')
  const models = new Map<string, string[]>()
  for (const name of ggufNames(names)) {
    const stem = name.slice(0, -'.gguf'.length).replace(SHARD, '')
    models.set(stem, [...(models.get(stem) ?? []), name])
  }
  const ends = (name: string) => ['-', '.', '_'].some((mark) => name.endsWith(mark + wanted))
  const ranks: ((folders: string[], name: string) => boolean)[] = [
    (folders, name) => [...folders, name].join('/') === wanted,
    (_, name) => name === wanted,
    (_, name) => ends(name),
    // Q4_K_M/model-00001-of-00003.gguf
    (folders) => folders.some((folder) => folder === wanted || ends(folder)),
  ]
  const stems = [...models.keys()].map((stem) => ({ stem, parts: stem.toLowerCase().split('/') }))
  const fitting = ranks.map((rank) => stems.filter(({ parts }) => rank(parts.slice(0, -1), parts.at(-1)!)))
  const [{ stem } = {}, ...others] = fitting.find(({ length }) => length > 0) ?? []
  if (stem === undefined || others.length > 0) return undefined
  const files = models.get(stem)!.sort()
  const shards = Number(SHARD.exec(files[0].slice(0, -'.gguf'.length))?.[2] ?? 1)
  return files.length === shards ? files : undefined
}

/** Language models in GGUF, in folders too. A name that would lead out of the repository is none. */
function ggufNames(names: readonly string[]): string[] {
  return names.filter((name) => {
    const parts = name.split('/')
    return parts.every((part) => /^[^.\\][^\\]*$/.test(part)) && /^(?!mmproj).*\.gguf$/i.test(parts.at(-1)!)
  })
}

/** What a repository has to choose from, and how to write it; empty where it has none. */
export function ggufAdvice(repository: string, names: readonly string[]): string {
  const found = ggufNames(names)
  if (found.length === 0) return ''
  const more = found.length > WHOLE_NAMES ? ` and ${found.length - WHOLE_NAMES} more` : ''
  return `Its GGUF files are ${found.slice(0, WHOLE_NAMES).join(', ')}${more}. Name one of them: checkpoint: ${repository}:${found[0]}`
}
