import { existsSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { fileProblem } from '../checkpoint/files.ts'
import { problem } from '../checkpoint/problem.ts'
import { indexFile, singleFile } from '../checkpoint/safetensors.ts'
import { type GgufHeader, type GgufTensor, readHeader } from './header.ts'

/** Which files are one model: a file, its shards `NAME-00001-of-00003.gguf`, or a folder with one of these and no safetensors. */

const shardName = /^(.+)-(\d{5})-of-(\d{5})\.gguf$/i
const mostShards = 1024

function isGgufName(name: string): boolean {
  return /\.gguf$/i.test(name)
}

/**
 * The files of the model at a place, in order; undefined where it is not GGUF.
 * @throws CheckpointError where a folder holds several models
 */
export function ggufFiles(place: string): string[] | undefined {
  try {
    const stats = statSync(place, { throwIfNoEntry: false })
    if (stats?.isDirectory()) return ggufFilesIn(place)
    return stats !== undefined && isGgufName(place) ? shardsOf(place) : undefined
  } catch (error) {
    throw fileProblem(place, error, 'a checkpoint')
  }
}

function ggufFilesIn(folder: string): string[] | undefined {
  if ([singleFile, indexFile].some((name) => existsSync(path.join(folder, name)))) return undefined
  // Beside a language model that sees there is the file of its eyes, mmproj-….gguf.
  const names = readdirSync(folder).filter((name) => isGgufName(name) && !/^mmproj/i.test(name))
  const models = new Map(names.sort().map((name) => [shardName.exec(name)?.[1] ?? name, name]))
  if (models.size === 0) return undefined
  if (models.size > 1) {
    const found = `${models.size} (${[...models.values()].slice(0, 3).join(', ')}${models.size > 3 ? ', …' : ''})`
    throw problem({ file: folder }, 'one GGUF model', found, `Name one of them: checkpoint: ${path.join(folder, [...models.values()][0])}`)
  }
  return shardsOf(path.join(folder, [...models.values()][0]))
}

function shardsOf(file: string): string[] {
  const [, name, , count] = shardName.exec(path.basename(file)) ?? []
  if (name === undefined) return [file]
  const shards = Number(count)
  if (shards < 1 || shards > mostShards) throw problem({ file }, `1 to ${mostShards} shards`, count)
  const digits = (number: number) => String(number).padStart(5, '0')
  const extension = path.extname(file)
  return Array.from({ length: shards }, (_, i) => path.join(path.dirname(file), `${name}-${digits(i + 1)}-of-${count}${extension}`))
}

/**
 * Reads the headers of the files of one model as if they were one. The first shard has the metadata.
 * @throws CheckpointError naming file, field, expected and found
 */
export function readModel(files: readonly string[]): GgufHeader {
  const headers = files.map(readHeader)
  const tensors = new Map<string, GgufTensor>()
  for (const [i, { metadata, tensors: own }] of headers.entries()) {
    const count = metadata.count('split.count') ?? 1
    const next = 'Shards are named as they were split, NAME-00001-of-00003.gguf.'
    if (count !== files.length) throw metadata.fail('split.count', `${files.length}, as the names of the files say`, next)
    if ((metadata.count('split.no') ?? 0) !== i) throw metadata.fail('split.no', `${i}, as the name of the file says`, next)
    for (const tensor of own.values()) {
      const other = tensors.get(tensor.name)
      if (other !== undefined) throw problem({ file: tensor.file, tensor: tensor.name }, 'every tensor once', `it in ${other.file} too`)
      tensors.set(tensor.name, tensor)
    }
  }
  const [{ metadata }] = headers
  if ((metadata.count('split.tensors.count') ?? tensors.size) !== tensors.size)
    throw metadata.fail('split.tensors.count', `${tensors.size}, which the files hold`)
  return { metadata, tensors }
}
