// @ts-check
// Making elements. Whatever a model wrote is set as text, never as markup.

/** @param {string} id */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id))

/** @param {string} id */
export const field = (id) => /** @type {HTMLInputElement | HTMLSelectElement} */ (byId(id))

/**
 * @param {string} tag
 * @param {string} className
 * @param {...(Node | string)} children
 */
export function element(tag, className, ...children) {
  const node = document.createElement(tag)
  if (className) node.className = className
  node.append(...children)
  return node
}

/**
 * @param {string} className
 * @param {string} href
 * @param {...(Node | string)} children
 */
export function link(className, href, ...children) {
  const node = /** @type {HTMLAnchorElement} */ (element('a', className, ...children))
  node.href = href
  return node
}

/** A table with a row of heads. @param {string[]} heads @param {Node[]} rows */
export function table(heads, rows) {
  const head = element('tr', '', ...heads.map((name) => element('th', '', name)))
  return element('table', '', element('thead', '', head), element('tbody', '', ...rows))
}
