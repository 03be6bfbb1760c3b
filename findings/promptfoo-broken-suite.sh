#!/usr/bin/env bash
# promptfoo looks at what an assertion refers to only when a response is there: a mistyped file costs the whole run its samples, then every row
# is an error. What a grader throws is the row's error in a file and a score of 0 when it stands inline. `tests: []` is one row without
# variables, and a row without assertions has passed: 100 %.
# Seen with promptfoo 0.121.20 under Node 20. In the product: the provider looks at a row's assertions before its first token
# (src/providers/row-check.ts), and the statistics leave such rows out and say why (src/report/exclusions.ts).
set -euo pipefail
promptfoo="$(cd "$(dirname "$0")/.." && pwd)/node_modules/.bin/promptfoo"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export PROMPTFOO_CONFIG_DIR="$work/home" PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_FAILED_TEST_EXIT_CODE=0

cat >provider.mjs <<'JS'
import { appendFileSync } from 'node:fs'
export default class { id() { return 'counting' } async callApi() { appendFileSync('calls.txt', '.'); return { output: '4' } } }
JS
echo "export const throws = () => { throw new Error('no ruler') }" >grade.mjs

row() { # name, assertions, tests
  : >calls.txt
  printf '{"prompts":["{{ problem }}?"],"providers":["file://provider.mjs"],"defaultTest":{"assert":%s},"tests":%s}' "$2" "$3" >"$1.yaml"
  "$promptfoo" eval -c "$1.yaml" -o "$1.json" --no-cache --no-table --no-progress-bar --no-share >/dev/null 2>&1
  node -e '
    const rows = JSON.parse(require("fs").readFileSync(process.argv[1] + ".json")).results.results
    const kinds = ["passed", "score 0", "error"]
    console.log(process.argv[1].padEnd(16), rows.map((r) => kinds[r.failureReason]).join(", ").padEnd(18), process.argv[2] + " calls")
  ' "$1" "$(wc -c <calls.txt)"
}

two='[{"vars":{"problem":"2+2"}},{"vars":{"problem":"3+1"}}]'
row mistyped-file '[{"type":"javascript","value":"file://grad.mjs:throws"}]' "$two"
row throws-in-file '[{"type":"javascript","value":"file://grade.mjs:throws"}]' "$two"
row throws-inline '[{"type":"javascript","value":"output.missing.field"}]' "$two"
row no-tests '[{"type":"equals","value":"4"}]' '[]'
row no-assertions '[]' "$two"
