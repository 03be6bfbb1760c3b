/** What stands at the end of a response and states nothing: courtesies, remarks, checks. */

import { matchesOf } from '../reading/matches.ts'
import { effectOf } from './corrections.ts'
import type { Expected } from './expected.ts'
import { withoutOneMore } from './one-more.ts'
import { concludes } from './roles.ts'
import { lastSentence } from './sentences.ts'

/** What takes the answer before it back, or leaves it open. */
const DOUBT = /\b(?:not|no|never|cannot|can't|don't|unsure|doubt|wrong|mistake|incorrect|however|but|give up|wait|check|actually|guess)\b/i

const COURTESY = /\b(?:hope|let me know|feel free|questions?|help|thank|happy to|clarif)/i
/** A courtesy that may hold a number: "If you have 2 more questions, just ask." */
const OFFER =
  /^\W{0,6}(?:(?:please )?let me know (?:if|when|whether|in case)\b|(?:please )?feel free\b|if you(?:['’]d like| have| need| want| would like)\b|I (?:hope|am happy|['’]m happy|would be happy|['’]d be happy)\b|I can also\b|does (?:that|this|it) (?:make sense|help)|is (?:that|this) (?:clear|ok|okay)|any (?:other )?questions|happy to help\b|do you want|would you like|thanks?\b)/i
/** What "I hope" must not go on with. */
const STATES = /[=:]|\b(?:is|are|was|answer|gives|equals|means|makes|get)\b/i

/** Numbers in words are statements. */
const SPELLED =
  /\b(?:three|four|five|six|seven|eight|nine|ten|eleven|twelve|\w{3,6}teen|twenty|thirty|forty|fifty|hundred|thousand|dozen)\b/i

/** "This is the required value." */
const BACK = /^\W{0,4}(?:this|that|which) is (?:the|our) (?:\w+ )?(?:value|answer|result|solution|number)\b[^\d$]{0,40}$/i

/** "Would you like another problem? Try 15 + 18." */
const INVITES =
  /^[\W_]{0,6}(?:would you like|do you want|want|shall we|ready for|how about|care for|feel like)\b[^?\n]{0,60}\b(?:another|similar|next|more|practi[cs]e|challenge|try)\b[^?\n]{0,60}\?/i

/** Without closing paragraphs that hold no number, formula or capital letter alone: "Let me know if you have questions!" */
function withoutChatter(text: string, expected: Expected): string {
  let out = text
  for (let round = 0; round < 2; round++) {
    const start = Math.max(out.lastIndexOf('\n\n'), BACK.test(out.slice(out.lastIndexOf('\n') + 1)) ? out.lastIndexOf('\n') : -1)
    const last = start < 0 ? '' : out.slice(start)
    const rest = start < 0 ? '' : out.slice(0, start).trimEnd()
    const chatter =
      INVITES.test(last) ||
      (last.length <= 400 &&
        /[!?.]\s*$/.test(last) &&
        !/[\d$\\*=`|]|\b[A-Z]\b(?!')/.test(last.replaceAll('I', '')) &&
        !DOUBT.test(last) &&
        (expected.kind === 'text' || !SPELLED.test(last)) &&
        // Words may be the answer, courtesies are not.
        (expected.kind !== 'text' || COURTESY.test(last)))
    if (!chatter || !/[\d$)\]}*.]$/.test(rest) || !/[\d$]/.test(rest.slice(-200))) break
    out = rest
  }
  return out
}

/** "Counting only the inner ones would give 24.", "The figure 39 would leave out both ends." */
const IMAGINED =
  /^\W{0,6}(?:(?:just |only |simply |merely )?[A-Z][a-z]+ing\b|(?:[Aa]n?|[Tt]he|[Aa]ny) (?:figure|value|number|answer|result|total|count)\b|(?:[Ww]hoever|[Ss]omeone who|[Aa]nyone who|[Tt]hose who|[Oo]ne who|[Aa] student who)\b)[^.;]{1,200}\bwould (?:\w+ )?(?:leave|miss|forget|ignore|overlook|double|count|include|give|yield|lead|result|make|mean|be (?:wrong|too|a mistake))\b/

/** "There are no other solutions.", "No other value works." */
const NO_OTHER =
  /^\W{0,6}(?:(?:and|so|thus|hence|clearly),? )?(?:there (?:is|are|exists?) )?(?:no|not any) (?:other|further|more|additional) \w+|^\W{0,6}(?:these|those)(?: [a-z]+){0,3} (?:are|is) (?:all|exactly|precisely|the only)\b[^\d]{0,80}$/i

/** "but we don't need this here", "which is of no use" */
const NOT_NEEDED =
  /\b(?:but|though|although|which|and|that)\b[^.;]{0,24}\b(?:(?:do|does|did|is|are|was)(?: not|n['’]t)|(?:of|have|has) no|need not)\b[^.;]{0,24}\b(?:need(?:ed)?|use|matter|relevant|relevance|asked|required|count|interest)\b|\birrelevant\b/i
/** A remark that breaks off behind a value: "As a remark, the triangle is right-angled, and its centre is". */
const REMARK_BEGUN =
  /^\W{0,4}(?:as an? (?:remark|aside|side ?note|curiosity)|incidentally|by the way|in passing|fun fact|side ?note|interestingly|note|notice|remark)\b/i
/** "This agrees with the formula for": it only confirms what was concluded. */
const CONFIRMING =
  /^\W{0,4}(?:this|that|it|which) (?:(?:also )?(?:agrees|matches|fits|confirms)|is (?:consistent|in (?:line|agreement|accordance)|also what|what we))\b/i
const GOES_ON =
  /\b(?:still|but|however|twice|needs?|must|have to|has to|should|divide\w*|subtract\w*|add\w*|remov\w+|exclud\w+|counts?|counted|only|assum\w+|so|thus|therefore|not|n['’]t|wrong|mistake|instead)\b/i

/** "Another way to see this is to split the": the same is only said again. */
const AGAIN =
  /^\W{0,4}(?:in other words|put differently|another way to|an alternative (?:way|method)|alternatively|to (?:check|verify|double-check)|as a (?:quick )?check|(?:you|we) can (?:also )?(?:check|verify|see|confirm))\b/i

/** A text without a remark at its end that breaks off, where a value stands before it. */
export function withoutRemarkBegun(text: string): string {
  const last = lastSentence(text.slice(text.lastIndexOf('\n') + 1))
  const confirming = CONFIRMING.test(last)
  const again = AGAIN.test(last) && !/\d/.test(last)
  if (!(confirming || again || REMARK_BEGUN.test(last) || (OFFER.test(last) && !/\d/.test(last))) || GOES_ON.test(last)) return text
  const rest = text.slice(0, text.length - last.length).trimEnd()
  if ((confirming || again) && !concludes(lastSentence(rest.slice(rest.lastIndexOf('\n') + 1)))) return text
  return /(?:\d|\$|\\[)\]])[^.\n]{0,60}\.$/.test(rest.slice(-400)) ? rest : text
}

/** "So it is 30. (At the left end it would be f(0) = 5.)" without the sentence in brackets, unless that takes the answer back. */
function withoutBracketed(text: string): string {
  if (!text.endsWith(')')) return text
  const remark =
    /(?<=[.!$])\s{1,3}\((?=[A-Z]|\d[\d.,]* (?:is|are|was|would be) the (?!answer|result|solution|total|value))((?:[^()\n]|\([^()\n]{0,40}\)){1,300}[.!])\)$/.exec(
      text.slice(-400),
    )
  if (remark && NOT_NEEDED.test(remark[1]) && effectOf(remark[1]) === 'nothing') return text.slice(0, text.length - remark[0].length)
  if (!remark || DOUBT.test(remark[1]) || /\b(?:I|if|else|otherwise|unless|or)\b/i.test(remark[1]) || effectOf(remark[1]) !== 'nothing')
    return text
  return text.slice(0, text.length - remark[0].length)
}

/** "And what about n = 6? There we'd get 20. But this is not our n." */
const OTHER_CASE =
  /(?<=[.!$)\]*]\s{1,4})(?:(?:and|but|now|so|then),? )?(?:(?:what|how) (?:about|if|of|would happen|happens)|(?:for|with|at|in the case(?: of)?))\b[^?\n]{1,160}\?\s([^?]{1,300})$/i
const SUPPOSES = /\b(?:would|could|might)\b|['’]d\b/i
const NOT_OURS =
  /\b(?:but|however|though|yet|which|and)\b[^.;]{0,40}\b(?:(?:is|was|does|do|did|are)(?: not|n['’]t)|not|never)\b[^.;]{0,50}\b(?:our|ours|the|asked?|what|here|case|question|problem|matter|concern|wanted|needed|given|us)\b[^.;\d]{0,40}[.!]?\s*$|\b(?:but|however,?) (?:here|in our case|our|in (?:the|this) (?:problem|question|exercise|task)|the (?:question|problem|task|exercise))\b[^.;]{0,60}[.!]?\s*$/i

/** A text without the case at its end that is looked at and is not the one asked for. */
function withoutOtherCase(text: string): string {
  if (!text.slice(-500).includes('?')) return text
  const other = OTHER_CASE.exec(text.slice(-600))
  if (
    !other ||
    !SUPPOSES.test(other[1]) ||
    !NOT_OURS.test(other[1]) ||
    /\b(?:so|thus|hence|therefore|answer|mistake|wrong|instead)\b/i.test(other[1])
  )
    return text
  const rest = text.slice(0, text.length - other[0].length).trimEnd()
  return /\d|\$|\\[)\]]/.test(rest.slice(-400)) ? rest : text
}

/** A section behind the solution, under a heading of its own. */
const APPENDIX =
  /\n[^\S\n]*\n[\s#*_>-]{0,8}(?:common (?:mistakes?|errors?|pitfalls?)|pitfalls?|key (?:takeaways?|points?|ideas?|concepts?)|takeaways?|why (?:this|it) works|intuition|tips?|further (?:reading|practice|notes?)|what if|related problems?|general(?:i[sz]ation|ly)|extensions?)\b[^\n]{0,40}(?::|\n|\*\*)/gi

/** A text without "Common pitfalls:" and the like, where nothing there answers. */
function beforeAppendix(text: string): string {
  const tail = text.slice(-2000)
  const first = tail.includes('\n\n') || /\n\s+\n/.test(tail) ? matchesOf(tail, APPENDIX)[0] : undefined
  if (!first || /answer|\b(?:so|thus|hence|therefore|actually|wait|oops)\b/i.test(tail.slice(first.index + first[0].length))) return text
  const rest = text.slice(0, text.length - tail.length + first.index)
  return /\d|\$|\\/.test(rest.slice(-400)) ? rest.trimEnd() : text
}

/** How many closing sentences that state nothing are left out. */
const SENTENCES = 4

/** A text without the courtesies and remarks at its end. */
export function withoutRemarks(whole: string, expected: Expected): string {
  const text = beforeAppendix(whole)
  let out = withoutOtherCase(
    withoutBracketed(withoutChatter(text.replace(/\s?\$?\\(?:blacksquare|square|Box|qed)\$?\s{0,4}\.?$/, ''), expected)),
  )
  if (expected.kind === 'text') return out
  out = withoutOneMore(out)
  for (let round = 0; round < SENTENCES; round++) {
    const last = lastSentence(out.slice(out.lastIndexOf('\n') + 1))
    const offer = OFFER.test(last) && !STATES.test(last)
    if (last.trim() === '' || !(offer || IMAGINED.test(last) || NO_OTHER.test(last))) break
    const at = out.lastIndexOf(last)
    const rest = out.slice(0, at).trimEnd()
    if (at < 0 || !/\d|\$|\\[)\]]/.test(rest.slice(-400))) break
    out = rest
  }
  return out
}

/** The heading of a check, at the start of a line or sentence: "Check:", "## Verification", "Let's verify:". */
const CHECK =
  /(?:^|\n|[.!)✓✔$*]\s)[\s#*_>-]{0,8}(?:(?:quick |sanity |final |cross-?|double[- ]?)?(?:check(?:ing)?|verif(?:ication|y|ying)|probe|proof)(?: (?:of )?(?:the |our |this |my )?(?:answer|solution|result|work|values?))?[\s*_]{0,4}(?:[:：]|[*_]{0,3}\s?\n)|(?:now |finally |lastly )?,?\s?(?:let(?:['’]s| us| me)|we (?:can )?(?:also )?) ?(?:quickly |now |also |double[- ]?)?(?:check|verify|confirm)\b|to (?:check|verify|confirm)\b)/gi

/** A check ends by agreeing or says nothing more; what corrects or concludes is read as it stands. */
const FAILS =
  /\b(?:not|wrong|fails?|error|mistake|incorrect|contradict\w*|instead|but|however|should|unless|only|reject|extraneous|discard|too (?:big|small|large|low|high|much|many|few|little))\b|n['’]t\b|[≠✗✘❌]/i
const CONCLUDES =
  /(?:^|[.!✓✔\n]\s{0,3})\W{0,4}(?:so|thus|hence|therefore|in total|altogether|finally|which means|this means|we (?:get|find|obtain))\b[^.\n]{0,200}\d|\banswer\b|\b(?:get|gives?|find|obtain|so|then|yields?) [a-z] ?= /i

/** How much behind the heading of a check is read. */
const LONGEST_CHECK = 1500

/** The text before a check at its end. Undefined: there is none, or it corrects what stands before. */
export function beforeCheck(text: string): string | undefined {
  const tail = text.slice(-LONGEST_CHECK)
  if (!/check|verif|confirm|prob|proof/i.test(tail)) return undefined
  const [first] = matchesOf(tail, CHECK)
  if (!first) return undefined
  const behind = tail.slice(first.index + first[0].length)
  if (FAILS.test(behind) || CONCLUDES.test(behind)) return undefined
  const before = text.slice(0, text.length - tail.length + first.index + 1).trimEnd()
  return /\d|\$|\\[)\]]/.test(before.slice(-400)) ? before : undefined
}
