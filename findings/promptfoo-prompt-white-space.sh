#!/usr/bin/env bash
# One prompt text, four doors, two texts: promptfoo (seen with 0.121.20) trims prompts from .txt files and takes those from .j2 files
# and from lines of YAML as they stand, with the line break that editors put at the end of a file. A small model can know
# ".\n" as one token, so the same question is answered in one form and not in the other (Countdown: 8 of 24 right and 0 of 24).
# A chat template that trims the message makes them one; src/engine/plain-template.ts.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
printf 'Say {{ x }}.\n' > p.j2
cp p.j2 p.txt
cat > promptfooconfig.yaml <<'Y'
prompts: [file://p.j2, file://p.txt, "Say {{ x }}.", "Say {{ x }}.\n"]
providers: [echo]
tests: [{ vars: { x: hi } }]
Y
export PROMPTFOO_CONFIG_DIR="$folder/home" PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_DISABLE_DEBUG_LOG=1
node "$root/node_modules/promptfoo/dist/src/entrypoint.js" eval -o out.json --no-cache --no-table --no-write > log.txt 2>&1 || { cat log.txt; exit 1; }
node -e '
const { results } = JSON.parse(require("fs").readFileSync("out.json", "utf8")).results
const got = results.sort((a, b) => a.promptIdx - b.promptIdx).map((row) => row.prompt.raw)
console.log(JSON.stringify(got))
if (JSON.stringify(got) !== JSON.stringify(["Say hi.\n", "Say hi.", "Say hi.", "Say hi.\n"])) process.exit(1)
'
