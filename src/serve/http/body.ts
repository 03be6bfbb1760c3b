/** The body of a request: JSON, and never more of it than the server takes. */

import type { IncomingMessage } from 'node:http'
import type { ConfigObject } from '../../config-keys.ts'
import { isObject, parseJson } from '../../json.ts'
import { Problem } from './problem.ts'

/**
 * Reads a JSON object of at most `most` bytes.
 * @throws Problem 413 where it is longer, 415 where it is something else than JSON as it is, 400 where it is no JSON object or nested too deep
 */
export async function readBody(request: IncomingMessage, most: number): Promise<ConfigObject> {
  const { headers } = request
  const type = headers['content-type']?.split(';')[0].trim().toLowerCase()
  // Pages of other sites may send text, forms and nothing else unasked.
  if (type !== 'application/json') {
    throw new Problem(415, `The body must be JSON. Got content-type ${JSON.stringify(type ?? '')}. Send content-type: application/json.`)
  }
  const coding = headers['content-encoding'] ?? 'identity'
  if (coding !== 'identity') throw new Problem(415, `The body must not be compressed. Got content-encoding ${JSON.stringify(coding)}.`)
  return jsonObject(await bytesOf(request, most))
}

/** What is beyond the bound is read and forgotten up to here, so that a client that writes before it reads still gets the answer. */
const FORGOTTEN = 8

async function bytesOf(request: IncomingMessage, most: number): Promise<Buffer> {
  let chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
      size += chunk.length
      if (size <= most) chunks.push(chunk)
      else chunks = []
      if (size > FORGOTTEN * most) break
    }
  } catch (error) {
    throw new Problem(400, 'The body did not come whole.', { code: 'invalid_json', cause: error })
  }
  if (size > most) throw tooLarge(most)
  return Buffer.concat(chunks)
}

function tooLarge(most: number): Problem {
  return new Problem(413, `The body must have at most ${most} bytes (limits.bodyBytes). Send less at once.`, {
    code: 'body_too_large',
    // What is left of it is not read.
    headers: { connection: 'close' },
  })
}

const utf8 = new TextDecoder('utf-8', { fatal: true })

function jsonObject(bytes: Buffer): ConfigObject {
  let value: unknown
  try {
    value = parseJson(utf8.decode(bytes))
  } catch (error) {
    throw new Problem(400, `The body must be JSON: ${(error as Error).message}. Correct it.`, { code: 'invalid_json', cause: error })
  }
  if (isObject(value)) return value
  throw new Problem(400, 'The body must be a JSON object. Write {"model": …}.', { code: 'invalid_json' })
}
