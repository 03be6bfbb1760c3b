// @ts-check
// The colour theme, before the first paint: the system's, or what the reader chose here before.

const STORED = 'parallel-r1-theme'
const root = document.documentElement

/** Pages that are opened from a file may have no storage. */
function storedTheme() {
  try {
    return localStorage.getItem(STORED)
  } catch {
    return null
  }
}

/** @param {string} theme light or dark */
function setTheme(theme) {
  root.dataset.theme = theme
  try {
    localStorage.setItem(STORED, theme)
  } catch {}
}

const stored = storedTheme()
if (stored === 'light' || stored === 'dark') root.dataset.theme = stored

addEventListener('DOMContentLoaded', () => {
  const button = /** @type {HTMLButtonElement} */ (document.getElementById('theme'))
  const system = matchMedia('(prefers-color-scheme: dark)')
  const isDark = () => (root.dataset.theme ?? (system.matches ? 'dark' : 'light')) === 'dark'
  const name = () => {
    button.textContent = isDark() ? 'Light theme' : 'Dark theme'
  }
  button.hidden = false
  button.addEventListener('click', () => {
    setTheme(isDark() ? 'light' : 'dark')
    name()
  })
  system.addEventListener('change', name)
  name()
})
