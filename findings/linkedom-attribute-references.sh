#!/usr/bin/env bash
# linkedom writes & and < of an attribute's value as they are, and only escapes the quote. So a value that looks like a character reference is another
# one when it is read again: &lt; becomes <. A browser's outerHTML writes &amp;lt;. No markup can get out of the attribute, because the quote is escaped.
# Seen with linkedom 0.18.15. In the product: src/report/page/plot.ts writes the names of charts itself.
set -euo pipefail
cd "$(dirname "$0")/.."
node --input-type=module -e "
import { parseHTML } from 'linkedom'
const paragraph = parseHTML('<p></p>').document.querySelector('p')
paragraph.setAttribute('title', '&lt;')
const again = parseHTML(paragraph.outerHTML).document.querySelector('p').getAttribute('title')
console.log(paragraph.outerHTML, 'is read as', again)
if (again !== '<') {
  console.log('  CHANGED: it was <')
  process.exit(1)
}
"
