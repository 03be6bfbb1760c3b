/** The section of docs/evidence.md that is made of measurements. */

import type { Measured } from './measured.ts'
import { figuresOf, measuredText, ORIGINS, remarksOf, verdictCounts } from './tables.ts'

const BEGIN = '<!-- What follows is written by npm run evidence. -->'
const END = '<!-- What was written by npm run evidence ends here. -->'

export interface Told {
  /** The command that made it. */
  command: string
  /** Day of the last part, and the machine in words. */
  where: string
}

/** Tables of arms and claims. Where nothing was measured it says so, and states only what will be tested. */
export function evidenceSection(measured: Measured, told?: Told): string {
  const { heads, arms, claims } = figuresOf(measured)
  const lines: string[] = [BEGIN, '']
  if (measured.done === 0 || !told) {
    lines.push('**Nothing has been run at full size yet.** There are no figures, and no claim has a verdict.', '')
  } else {
    lines.push(`\`${told.command}\`, ${told.where}.`, '', `Verdicts: ${verdictCounts(claims)}.`, '')
    for (const remark of remarksOf(measured)) lines.push(`**${remark}**`, '')
    const rows = arms.map(({ title, seeds, cells }) => [title, String(seeds), ...cells])
    lines.push(...table(['arm', 'seeds', ...heads], rows), '')
  }
  for (const [by, heading] of ORIGINS) {
    const own = claims.filter(({ claim }) => claim.by === by)
    const rows = own.map((decided) => {
      const { says, measure, published = '', margin } = decided.claim
      return [says, measure, published, `${100 * margin} points`, measuredText(decided), decided.verdict]
    })
    lines.push(`### ${heading}`, '', ...table(['claim', 'what is measured', 'published', 'margin', 'here', 'verdict'], rows), '')
  }
  return [...lines, END].join('\n')
}

function table(heads: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const line = (cells: readonly string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(heads), `|${heads.map(() => '---').join('|')}|`, ...rows.map(line)]
}

/** A page with the section in the place of the old one. Throws where the page has no place for it. */
export function withSection(page: string, section: string): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)]
  if (begin < 0 || end < begin) throw new Error(`The page has no place for the figures: it needs the lines "${BEGIN}" and "${END}".`)
  return page.slice(0, begin) + section + page.slice(end + END.length)
}
