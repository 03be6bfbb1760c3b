/**
 * A checkpoint by its id on the Hugging Face hub, such as `Qwen/Qwen3-0.6B`, in the cache that all of the hub's tools share:
 * models--OWNER--NAME/{blobs/HASH, refs/REVISION, snapshots/COMMIT/FILE → blobs}. Only the files that an engine reads are fetched.
 * Large files go on where they stopped, and every file is compared with the hub's hash. (@huggingface/hub does neither: findings/.)
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 */

import { createHash, randomBytes } from 'node:crypto'
import { createReadStream, existsSync, readdirSync, readFileSync } from 'node:fs'
import { mkdir, rename, rm, stat, symlink } from 'node:fs/promises'
import path from 'node:path'
import { Progress } from '../cli/progress.ts'
import { writeFileAtomic } from '../engine/checkpoint/atomic.ts'
import { adapterConfigFile, adapterWeightsFile, configFile, tokenizerFile } from '../engine/checkpoint/files.ts'
import { formatBytes, show } from '../engine/checkpoint/problem.ts'
import { indexFile, singleFile, weightFiles } from '../engine/checkpoint/safetensors.ts'
import { CheckpointError } from '../engine/errors.ts'
import { notice } from '../plain.ts'
import { type HubAccess, hubAccess } from './access.ts'
import { ggufAdvice, ggufNamed } from './gguf.ts'
import { claimPart } from './part.ts'
import { type Advice, fillFile, getJson, HubError, type RequestOptions } from './request.ts'

export interface ModelId {
  /** `owner/name` */
  name: string
  /** Branch, tag or commit. */
  revision: string
  /** A GGUF file of it, also with its folder, or its quantisation. */
  gguf?: string
}

interface RemoteFile {
  path: string
  size: number
  /** SHA-256 of a large file, else git's hash: the name of the blob. */
  hash: string
}

interface FetchModelOptions extends Pick<RequestOptions, 'attempts' | 'sleep'> {
  env?: NodeJS.ProcessEnv
  /** False: configuration and tokenizer, and an adapter; no whole model. A GGUF file holds both and comes whole. Default true. */
  weights?: boolean
  notify?(message: string): void
}

const SMALL =
  /^(config|adapter_config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab|chat_template|parallel_r1)\.json$|^chat_template\.jinja$|^merges\.txt$/
const SHARD = /^model-\d+-of-\d+\.safetensors$/
const COMMIT = /^[0-9a-f]{40}$/
const HASH = /^[0-9a-f]{40}$|^[0-9a-f]{64}$/

/** Fetches what the cache lacks; returns the folder of the snapshot, or the GGUF file in it. Throws CheckpointError, ConfigError and HubError. */
export async function fetchModel(id: ModelId, options: FetchModelOptions = {}): Promise<string> {
  const { name, revision } = id
  const { env = process.env, notify = notice, weights = true } = options
  const access = hubAccess(env)
  if (access.cache === undefined) throw new CheckpointError(`There is no home folder to keep ${name} in. Set HF_HOME to a folder.`)
  const storage = path.join(access.cache, `models--${name.replace('/', '--')}`)
  const cached = cachedSnapshot(storage, id, weights)
  if (cached !== undefined && (COMMIT.test(revision) || access.offline)) return cached
  if (access.offline) {
    throw new CheckpointError(
      `${name}@${revision} is not in the cache at ${storage}, or not whole, and HF_HUB_OFFLINE forbids to fetch it. Unset HF_HUB_OFFLINE once, or name a folder.`,
    )
  }
  const request: RequestOptions = { ...options, notify, token: access.token, advice: adviceFor(name, access) }
  let listing: { commit: string; files: RemoteFile[] }
  try {
    listing = await list(id, access, weights, cached === undefined ? request : { ...request, attempts: 1 })
  } catch (error) {
    const unreachable = error instanceof HubError && (error.status === undefined || error.status >= 500)
    if (cached === undefined || !unreachable) throw error
    notify(
      `the hub cannot be reached, so ${name} is the one in the cache (${path.relative(path.join(storage, 'snapshots'), cached).split(path.sep)[0]})`,
    )
    return cached
  }
  const { commit, files } = listing
  const snapshot = path.join(storage, 'snapshots', commit)
  const missing = files.filter((file) => !existsSync(path.join(snapshot, file.path)))
  if (missing.length > 0) await download(missing, { name, commit, storage, snapshot, endpoint: access.endpoint }, request)
  if (revision !== commit) {
    const ref = path.join(storage, 'refs', revision)
    await mkdir(path.dirname(ref), { recursive: true })
    await writeFileAtomic(ref, commit)
  }
  return id.gguf === undefined ? snapshot : path.join(snapshot, ggufNamed(namesOf(files), id.gguf)![0])
}

const namesOf = (files: readonly RemoteFile[]) => files.map((file) => file.path)

function adviceFor(name: string, { token, endpoint }: HubAccess): Advice {
  const check = `Check the id at ${endpoint}/${name}. A folder is written with ./ before it.`
  return {
    gone: `There is no such model or revision. ${check}`,
    refused: token
      ? `The token may not read it, or there is no such model. ${check} A gated model is opened there by accepting its terms; an old token in HF_TOKEN is renewed in the settings of the hub.`
      : `There is no such public model, or it needs a token. ${check} Then set HF_TOKEN to a token that may read it.`,
    otherWays: 'Check the network, set HF_ENDPOINT to a mirror, or name a folder with the checkpoint.',
  }
}

/** A snapshot that holds all that an engine reads, or the GGUF file in it. */
function cachedSnapshot(storage: string, { revision, gguf }: ModelId, wanted: boolean): string | undefined {
  try {
    const commit = COMMIT.test(revision) ? revision : readFileSync(path.join(storage, 'refs', revision), 'utf8').trim()
    const folder = path.join(storage, 'snapshots', commit)
    if (!COMMIT.test(commit)) return undefined
    const whole = gguf === undefined ? undefined : ggufNamed(filesBelow(folder), gguf)
    if (gguf !== undefined) return whole && path.join(folder, whole[0])
    const has = (file: string) => existsSync(path.join(folder, file))
    if (has(adapterConfigFile)) return has(adapterWeightsFile) ? folder : undefined
    const weights = !wanted || has(singleFile) || (has(indexFile) && weightFiles(folder).every(has))
    return weights && has(configFile) && has(tokenizerFile) ? folder : undefined
  } catch {
    return undefined
  }
}

const filesBelow = (folder: string) => readdirSync(folder, { recursive: true }).map((name) => String(name).replaceAll(path.sep, '/'))

/** The commit of a revision and the files of it that an engine reads, the small ones first. */
async function list({ name, revision, gguf }: ModelId, { endpoint }: HubAccess, weights: boolean, request: RequestOptions) {
  const url = `${endpoint}/api/models/${name}/revision/${encodeURIComponent(revision)}?blobs=true`
  const { body } = await getJson(url, request)
  const { sha, siblings } = (body ?? {}) as { sha?: unknown; siblings?: unknown }
  const wrong = (got: unknown) =>
    new HubError(`The hub's list of files at ${url} is none. Got ${show(got)}.`, { what: 'sent no list of files' })
  if (typeof sha !== 'string' || !COMMIT.test(sha) || !Array.isArray(siblings)) throw wrong(body)
  const all = siblings.map(
    (entry: { rfilename?: unknown; size?: unknown; blobId?: unknown; lfs?: { sha256?: unknown } } | null): RemoteFile => {
      const { rfilename, size, blobId, lfs } = entry ?? {}
      const hash = lfs?.sha256 ?? blobId
      if (typeof rfilename !== 'string' || !Number.isSafeInteger(size) || typeof hash !== 'string' || !HASH.test(hash)) throw wrong(entry)
      return { path: rfilename, size: size as number, hash }
    },
  )
  const names = namesOf(all)
  if (gguf !== undefined) {
    const chosen = ggufNamed(names, gguf)
    if (chosen === undefined) {
      const advice = ggufAdvice(name, names) || 'It holds no GGUF files.'
      throw new CheckpointError(`${name} on the hub has not one whole GGUF model that ${show(gguf)} names. ${advice}`)
    }
    return { commit: sha, files: all.filter((file) => chosen.includes(file.path)) }
  }
  const single = names.includes(singleFile)
  const isWhole = (file: string) => (single ? file === singleFile : file === indexFile || SHARD.test(file))
  const isAdapter = names.includes(adapterConfigFile)
  // An adapter is opened with its own weights, whatever becomes of its base's.
  const isNeeded = (file: string) => SMALL.test(file) || (isAdapter && file === adapterWeightsFile) || (weights && isWhole(file))
  const files = all.filter((file) => isNeeded(file.path))
  const needs: [string, boolean][] = isAdapter
    ? [[adapterWeightsFile, names.includes(adapterWeightsFile)]]
    : [
        [configFile, names.includes(configFile)],
        ...(weights ? [[`${singleFile} or ${indexFile}`, single || names.includes(indexFile)] as [string, boolean]] : []),
      ]
  for (const [needed, there] of needs) {
    if (there) continue
    const advice = ggufAdvice(name, names)
    if (advice !== '') throw new CheckpointError(`${name} on the hub has no ${needed}. ${advice}`)
    const other = names.filter((file) => /\.(bin|safetensors)$/.test(file)).slice(0, 3)
    const found = other.length > 0 ? `It holds ${other.join(', ')}` : 'It holds no weights'
    throw new CheckpointError(
      `${name} on the hub has no ${needed}. ${found}. Name a repository with the weights of a whole model as safetensors, often the one that this was made from.`,
    )
  }
  return { commit: sha, files: files.sort((a, b) => a.size - b.size) }
}

interface Target {
  name: string
  commit: string
  storage: string
  snapshot: string
  endpoint: string
}

async function download(
  files: readonly RemoteFile[],
  { name, commit, storage, snapshot, endpoint }: Target,
  request: RequestOptions,
): Promise<void> {
  const total = files.reduce((sum, { size }) => sum + size, 0)
  const bar = new Progress({ label: name, total })
  const notify = (message: string) => bar.above(() => request.notify?.(message))
  notify(`fetching ${name} (${formatBytes(total)}) into ${storage}`)
  try {
    await mkdir(path.join(storage, 'blobs'), { recursive: true })
    let before = 0
    for (const { path: file, size, hash } of files) {
      const blob = path.join(storage, 'blobs', hash)
      const url = `${endpoint}/${name}/resolve/${commit}/${file.split('/').map(encodeURIComponent).join('/')}`
      if (!existsSync(blob)) await fillBlob(url, blob, size, (bytes) => bar.update(before + bytes), { ...request, notify })
      before += size
      bar.update(before)
      // At once in its place: another process may be reading the snapshot already.
      const { dir, base } = path.parse(path.join(snapshot, file))
      const link = path.join(dir, `.${base}.${process.pid}-${randomBytes(4).toString('hex')}`)
      await mkdir(dir, { recursive: true })
      await symlink(path.relative(dir, blob), link)
      await rename(link, path.join(dir, base))
    }
  } finally {
    bar.stop()
  }
}

/** A blob has its name when it is whole and has the hash. Two tries: what was left by another download may be something else. */
async function fillBlob(url: string, blob: string, size: number, arrived: (bytes: number) => void, request: RequestOptions): Promise<void> {
  const file = await claimPart(blob)
  try {
    for (const lastTry of [false, true]) {
      await fillFile(url, { file, size, arrived }, request)
      if ((await hashOf(file, path.basename(blob).length === 64 ? 'sha256' : 'git')) === path.basename(blob)) {
        await rename(file, blob)
        return
      }
      await rm(file, { force: true })
      if (lastTry)
        throw new HubError(`The hub sent other bytes than it lists: ${url}. Run again later, or set HF_ENDPOINT to a mirror.`, {
          what: 'sent other bytes',
        })
    }
  } catch (error) {
    // Free for whoever goes on. There may be none.
    await rename(file, `${blob}.incomplete`).catch(() => {})
    throw error
  }
}
async function hashOf(file: string, kind: 'sha256' | 'git'): Promise<string> {
  const hash = createHash(kind === 'git' ? 'sha1' : 'sha256')
  if (kind === 'git') hash.update(`blob ${(await stat(file)).size}\0`)
  for await (const chunk of createReadStream(file, { highWaterMark: 2 ** 20 })) hash.update(chunk)
  return hash.digest('hex')
}
