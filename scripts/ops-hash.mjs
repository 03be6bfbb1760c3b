// Prints a number made of the headers that both sides of the CUDA library are compiled with. They compare it before one calls the
// other: a library built from another interface is refused instead of crashing.
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'

const hash = createHash('sha256')
for (const header of ['ops.h', 'moments.h', 'cuda/library.h']) hash.update(readFileSync(new URL(`../native/${header}`, import.meta.url)))
console.log(`0x${hash.digest('hex').slice(0, 8)}`)
