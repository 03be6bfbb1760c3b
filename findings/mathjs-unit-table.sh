#!/usr/bin/env bash
# mathjs mixes two systems in one table of units: its teaspoon and tablespoon are metric (5 and 15 ml), its cup is the US one of
# 236.6 ml. 16 tablespoons are 240 ml and no cup. An acre is rounded to six digits, so that it has no 43560 square feet. And all
# arithmetic is in doubles, so exact equality of converted units is by luck.
# Seen with mathjs 15.2.0. In the product: a table of our own with exact sizes (src/assertions/answer/unit-table.ts), which a test
# compares with that of mathjs to 1e-5.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund mathjs@15.2.0
cat > units.mjs <<'JS'
import { unit } from 'mathjs'
const found = {
  'tablespoons in a cup': [unit(1, 'cup').toNumber('tablespoon'), 15.77],
  'square feet in an acre': [unit(1, 'acre').toNumber('sqft'), 43560.04],
}
for (const [what, [value, wanted]] of Object.entries(found)) {
  console.log(`${what}: ${value}`)
  if (Math.abs(value - wanted) > 0.005) {
    console.log(`  CHANGED: it was ${wanted}`)
    process.exitCode = 1
  }
}
JS
node units.mjs
