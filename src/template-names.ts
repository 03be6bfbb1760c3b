/**
 * Every name in the tags of a nunjucks template, texts in quotes left out: more than the variables it reads, never fewer, but for those of
 * other files. Takes time that grows with the text.
 */
export function templateNames(template: string): string[] {
  return template
    .split(/\{[{%]/)
    .slice(1)
    .flatMap((piece) => {
      const end = piece.search(/[}%]\}/)
      const expression = (end < 0 ? piece : piece.slice(0, end)).replace(/"[^"]*"|'[^']*'/g, ' ')
      return expression.match(/[A-Za-z_$][\w$]*/g) ?? []
    })
}
