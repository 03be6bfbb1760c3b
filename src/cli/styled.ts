/** Bold, faint and green text for a terminal. */

type Style = 'bold' | 'faint' | 'green'
const CODES: Readonly<Record<Style, [number, number]>> = { bold: [1, 22], faint: [2, 22], green: [32, 39] }

export function styled(text: string, style: Style, { color }: { color: boolean }): string {
  const [on, off] = CODES[style]
  return color ? `\x1b[${on}m${text}\x1b[${off}m` : text
}
