import { createHash } from 'node:crypto'
import path from 'node:path'
import { adapterWeightsFile } from '../checkpoint/files.ts'
import { roundBfloat16 } from '../checkpoint/floats.ts'
import { problem } from '../checkpoint/problem.ts'
import { readMetadata } from '../checkpoint/safetensors.ts'
import { modelSpec } from '../families/index.ts'
import { parametersOf } from '../spec.ts'
import type { Loadable } from '../types.ts'

/**
 * Which base an adapter was trained beside. `__metadata__` of an `adapter_model.safetensors` of this package says it in `base_norms`: SHA-256
 * of the base's norms and biases. They are a few thousand numbers, files of all types hold them as they are, and quantisers leave them alone.
 * Other tools pass over it. A base that differs from another one in its matrices only is not told from it.
 */

const key = 'base_norms'

/** SHA-256 (hex) over names and numbers of the vectors of a model, in bfloat16: the same for a GGUF file and the folder that it was made of. */
export async function baseMark({ config, weights }: Pick<Loadable, 'config' | 'weights'>): Promise<string> {
  const spec = modelSpec(config)
  const hash = createHash('sha256')
  const reader = await weights.open()
  try {
    for (const { name, shape } of parametersOf(spec)) {
      if (shape.length !== 1) continue
      const values = await reader.read(name)
      // A file of llama.cpp has the norm with its offset.
      const offset = name.endsWith('norm.weight') ? spec.norms.offset : 0
      hash.update(`${name}\0`).update(new Uint8Array(roundBfloat16(values.map((value) => value + offset)).buffer))
    }
  } finally {
    await reader.close()
  }
  return hash.digest('hex')
}

export function markMetadata(mark: string): Record<string, string> {
  return { [key]: mark }
}

/** @throws CheckpointError where an adapter says that it belongs to another base */
export async function checkBaseMark(folder: string, base: Loadable): Promise<void> {
  const file = path.join(folder, adapterWeightsFile)
  const said = readMetadata(file)[key]
  if (said === undefined || said === (await baseMark(base))) return
  const next = `Name its own base: base: FOLDER in a config, --base FOLDER for pr1-export. If it shall go with this one, leave ${key} out of __metadata__.`
  throw problem({ file, key }, 'the base that the adapter was trained beside', `another one, ${base.folder}: its norms differ`, next)
}
