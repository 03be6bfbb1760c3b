// Prints a number made of native/ops.h. The addon and the CUDA library are compiled with it and compare it before one
// calls the other: a library built from another interface is refused instead of crashing.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const text = readFileSync(new URL('../native/ops.h', import.meta.url))
console.log(`0x${createHash('sha256').update(text).digest('hex').slice(0, 8)}`)
