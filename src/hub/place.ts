/** Where the `checkpoint` of a configuration is: in a folder, or on the Hugging Face hub. */

import { existsSync } from 'node:fs'
import path from 'node:path'
import { refuseUrl } from '../engine/url.ts'
import type { ModelId } from './model.ts'

/** A failure is remembered so long: the other rows of a run would all wait for the same one. */
const FAILURE_MS = 60_000

/** An absolute path, or the id of a model on the hub: `owner/name`, `owner/name@revision` or `owner/name:Q4_K_M` where there is no such folder. Throws CheckpointError on a URL. */
export function checkpointPlace(value: string, base: string): string {
  refuseUrl(value)
  const folder = path.resolve(base, value)
  return modelId(value) === undefined || existsSync(folder) ? folder : value
}

/** Undefined for a path: more than one slash before a `:`, `.`, `~` or `/` at its beginning, or a name that ends in `.gguf`. */
export function modelId(value: string): ModelId | undefined {
  const [, name, gguf, revision = 'main'] = /^(\w[\w.-]*\/\w[\w.-]*)(?::(\w[\w.-]*(?:\/\w[\w.-]*)*))?(?:@(\w[\w./-]*))?$/.exec(value) ?? []
  if (name === undefined || /\.gguf$/i.test(name) || revision.split('/').includes('..')) return undefined
  return { name, revision, ...(gguf !== undefined && { gguf }) }
}

export interface Places {
  /** Folder or GGUF file of a checkpoint. */
  folder: string
  /** The same of its base, where it is an adapter. */
  base?: string
}

/**
 * Where a checkpoint lies and, of an adapter, its base. Models of the hub are fetched.
 * @param base a {@link checkpointPlace} that comes before the base that the adapter names
 * @param weights false: not those of a model of the hub
 * @throws CheckpointError, ConfigError and HubError
 */
export async function checkpointPlaces(place: string, base?: string, { weights = true } = {}): Promise<Places> {
  const folder = await checkpointFolder(place, { weights })
  const below = await adapterBase(folder, base, { weights })
  return below === undefined ? { folder } : { folder, base: below }
}

/** Where the base of an adapter lies; undefined where the folder is no adapter. A model of the hub is fetched. */
export async function adapterBase(folder: string, base?: string, { weights = true } = {}): Promise<string | undefined> {
  if (base !== undefined) return checkpointFolder(base, { weights })
  const { basePlace, localBase, namedBase } = await import('../engine/adapters/base.ts')
  const named = namedBase(folder)
  if (named === undefined) return undefined
  const { name, revision } = named
  // Neither here nor an id: the error says so.
  if (localBase(named) !== undefined || modelId(name) === undefined) return basePlace(folder)
  return checkpointFolder(revision === undefined ? name : `${name}@${revision}`, { weights })
}

const fetched = new Map<string, Promise<string>>()

/** The folder or GGUF file of a {@link checkpointPlace}. A model of the hub is fetched once in a process. Throws CheckpointError, ConfigError and HubError. */
async function checkpointFolder(place: string, { weights = true } = {}): Promise<string> {
  const id = path.isAbsolute(place) ? undefined : modelId(place)
  if (id === undefined) return place
  const { HF_ENDPOINT, HF_HUB_CACHE, HF_HOME } = process.env
  const key = JSON.stringify([id, weights, HF_ENDPOINT, HF_HUB_CACHE, HF_HOME])
  let folder = fetched.get(key)
  if (folder === undefined) {
    folder = import('./model.ts').then(({ fetchModel }) => fetchModel(id, { weights }))
    fetched.set(key, folder)
    folder.catch(() => setTimeout(() => fetched.delete(key), FAILURE_MS).unref())
  }
  return folder
}
