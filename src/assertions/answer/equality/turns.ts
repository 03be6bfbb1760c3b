/** Turns the other way round: 270° counterclockwise is 90° clockwise. */

import { rational } from '../../rational.ts'
import { TooComplex, Work } from '../limits.ts'
import type { Node } from '../node.ts'
import * as big from '../numeric/bigfloat.ts'
import { readAnswer } from '../reading/read.ts'
import { plainWords } from '../reading/words.ts'
import { inWords } from './branches.ts'
import { isNumeric, realValue, sameValue } from './values.ts'

interface Turn {
  /** In full turns. */
  angle: Node
  clockwise: boolean
  about: string
}

export const TURN = /clockwise/i
const SENSE = String.raw`(counter-?\s?clockwise|anti-?\s?clockwise|clockwise)`
const NOUN = String.raw`(?:an?\s|the\s)?(?:(?:rotation|turn)\s)?(?:(?:of|by|through)\s)?`
const ANGLE = '([^a-zA-Z]{1,12}(?:degrees?)?|[^a-zA-Z]{0,12}\\\\?[a-z]{0,4}[^a-zA-Z]{1,12}(?:\\\\pi|π|\\\\circ)[^a-zA-Z]{0,12})'
const ABOUT = String.raw`(?:\s(?:about|around)\s(.{1,40}?))?`
const BEHIND = new RegExp(String.raw`^${NOUN}${ANGLE}\s?(?:in (?:a|the) )?${SENSE}(?: direction| rotation| turn)?${ABOUT}[\s.]*$`, 'i')
const BEFORE = new RegExp(
  String.raw`^(?:an?\s|the\s)?${SENSE}(?: rotation| turn)?,?\s?(?:of\s|by\s|through\s)?${ANGLE}${ABOUT}[\s.]*$`,
  'i',
)

const binary = (op: '+' | '*' | '/', left: Node, right: Node): Node => ({ kind: 'binary', op, left, right })
const NUMBER = (n: bigint): Node => ({ kind: 'number', value: rational(n) })

function turnOf(text: string): Turn | undefined {
  const plain = inWords(text)
  const behind = BEHIND.exec(plain)
  const before = behind ? undefined : BEFORE.exec(plain)
  const [angle, sense, about] = behind ? [behind[1], behind[2], behind[3]] : before ? [before[2], before[1], before[3]] : []
  const turns = angle === undefined ? undefined : inTurns(angle.trim())
  return turns && { angle: turns, clockwise: /^clock/i.test(sense!), about: plainWords(about ?? '').replaceAll(' ', '') }
}

function inTurns(text: string): Node | undefined {
  const degrees = /^(.{1,12}?)\s?(?:°|\^\s?\{?\s?\\circ\s?\}?|degrees?)$/i.exec(text)
  if (!degrees && !/π|\\pi/.test(text)) return undefined
  const answer = readAnswer(degrees ? degrees[1] : text)
  if (answer.kind !== 'expression' || answer.unit !== undefined || !isNumeric(answer.node)) return undefined
  return binary('/', answer.node, degrees ? NUMBER(360n) : binary('*', NUMBER(2n), { kind: 'constant', name: 'pi' }))
}

/** Whether two texts are the same turn of less than 360°. */
export function sameTurn(text: string, reference: string): boolean {
  if (text.length > 120 || reference.length > 120) return false
  const meant = turnOf(reference)
  const said = meant && turnOf(text)
  if (!meant || !said || said.about !== meant.about) return false
  const work = new Work()
  try {
    const whole = NUMBER(1n)
    const proper = [said, meant].every(({ angle }) => {
      const value = realValue(angle, work)
      return value !== undefined && big.sign(value) > 0 && big.sign(big.subtract(big.ONE, value)) > 0
    })
    if (!proper) return false
    return said.clockwise === meant.clockwise
      ? sameValue(said.angle, meant.angle, work)
      : sameValue(binary('+', said.angle, meant.angle), whole, work)
  } catch (error) {
    if (error instanceof TooComplex) return false
    throw error
  }
}
