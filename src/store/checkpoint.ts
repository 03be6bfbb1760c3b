import { readdir, stat } from 'node:fs/promises'
import path from 'node:path'

/**
 * Identity of the files that `checkpointHash` reads, from their names, places, sizes and times alone: while it stays the same, so does
 * the hash, and gigabytes need not be read again.
 */
export async function checkpointFingerprint(folder: string): Promise<string> {
  const names = (await readdir(folder)).filter(
    (name) => name === 'config.json' || name === 'tokenizer.json' || /\.safetensors(\.index\.json)?$/.test(name),
  )
  const files = names.sort().map(async (name) => {
    const { dev, ino, size, mtimeNs, ctimeNs } = await stat(path.join(folder, name), { bigint: true })
    return [name, dev, ino, size, mtimeNs, ctimeNs].join(':')
  })
  return (await Promise.all(files)).join('\n')
}
