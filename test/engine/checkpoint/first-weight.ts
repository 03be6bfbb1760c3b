import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'

/** Changes the first weight of a float32 tensor, in a file as other tools write them: without a checksum. */
export function setFirstWeight(folder: string, name: string, value: number): void {
  const file = path.join(folder, 'model.safetensors')
  const bytes = readFileSync(file)
  const headerLength = Number(bytes.readBigUInt64LE(0))
  const { __metadata__, ...header } = JSON.parse(bytes.subarray(8, 8 + headerLength).toString())
  bytes.write(JSON.stringify(header).padEnd(headerLength), 8)
  bytes.writeFloatLE(value, 8 + headerLength + header[name].data_offsets[0])
  writeFileSync(file, bytes)
}
