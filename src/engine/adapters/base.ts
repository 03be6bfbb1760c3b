import { existsSync } from 'node:fs'
import path from 'node:path'
import { adapterConfigFile, own, readJsonIfPresent } from '../checkpoint/files.ts'
import { problem, show } from '../checkpoint/problem.ts'
import { refuseUrl } from '../url.ts'

/** The base of an adapter: what its configuration names, and where that is. */

interface NamedBase {
  file: string
  /** A path, relative to the adapter's folder or to the working directory (as PEFT takes it), or an id of the hub. */
  name: string
  /** On the hub. */
  revision?: string
}

/** For every door. */
const next = 'Name its folder or GGUF file, or its id on the hub: base: FOLDER in a config, --base FOLDER for pr1-export.'

/**
 * What `base_model_name_or_path` says; undefined where the folder is no adapter.
 * @throws CheckpointError where it says nothing
 */
export function namedBase(folder: string): NamedBase | undefined {
  const file = path.join(folder, adapterConfigFile)
  // A GGUF file is no folder.
  const json = existsSync(file) ? readJsonIfPresent(file) : undefined
  if (json === undefined) return undefined
  const [name, revision] = [own(json, 'base_model_name_or_path'), own(json, 'revision')]
  if (typeof name !== 'string' || name === '')
    throw problem({ file, key: 'base_model_name_or_path' }, 'the model that it adapts', show(name), next)
  refuseUrl(name)
  return { file, name, ...(typeof revision === 'string' && { revision }) }
}

/** The folder or file of a base that lies here; undefined for the id of a model elsewhere. */
export function localBase({ file, name }: NamedBase): string | undefined {
  return [path.resolve(path.dirname(file), name), path.resolve(name)].find((place) => existsSync(place))
}

/**
 * The folder or file of an adapter's base.
 * @throws CheckpointError where it is not here
 */
export function basePlace(folder: string): string {
  const named = namedBase(folder)
  const place = named && localBase(named)
  if (place !== undefined) return place
  const file = path.join(folder, adapterConfigFile)
  throw problem(
    { file, key: 'base_model_name_or_path' },
    'a model that is here',
    named ? `${show(named.name)}, which is not` : 'nothing',
    next,
  )
}
