import { ConfigError } from '../../engine/errors.ts'

/** Renders a response from vars. Throws ConfigError. */
export type ResponseTemplate = (vars: Record<string, unknown>) => string

/** Nunjucks over vars; text is taken as it is (no HTML escapes), a missing var is an error. `what` is what errors call it. Throws ConfigError where it does not parse. */
export async function responseTemplate(text: string, what: string): Promise<ResponseTemplate> {
  const { default: nunjucks } = await import('nunjucks')
  const environment = new nunjucks.Environment(null, { autoescape: false, throwOnUndefined: true })
  const template = compiled()
  return (vars) => {
    try {
      return template.render(vars)
    } catch (error) {
      const known = Object.keys(vars).join(', ')
      throw new ConfigError(`The ${what} "${text}" does not render: ${(error as Error).message}. Vars of the row: ${known}`)
    }
  }

  function compiled() {
    try {
      return new nunjucks.Template(text, environment, undefined, true)
    } catch (error) {
      const said = (error as Error).message.replace(/\s+/g, ' ')
      throw new ConfigError(`The ${what} "${text}" does not parse: ${said}. Write for example "{{ path }}" or "{{ answer }}".`)
    }
  }
}
