#!/usr/bin/env bash
# promptfoo writes API keys of providers into its own database, readable: `apiKey: "{{ env.KEY }}"` is filled in when the config is read, and
# the config with the key is kept in evals.config of promptfoo.db. In files of results (-o) the same key stands as [REDACTED].
# A provider that is told the name of the variable (`apiKeyEnvar`) and reads it itself leaves no key there.
# Seen with promptfoo 0.121.20. In the product: `server` takes apiKeyEnvar (src/remote/settings.ts, docs/servers.md).
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat > provider.mjs <<'JS'
export default class {
  id() { return 'local' }
  async callApi() { return { output: 'hi' } }
}
JS
cat > promptfooconfig.yaml <<'Y'
prompts: [hello]
providers:
  - { id: file://provider.mjs, config: { server: { apiKey: "{{ env.FILLED_IN }}", apiKeyEnvar: NAMED } } }
tests: [{ vars: { x: hi } }]
Y
export FILLED_IN=key-that-was-filled-in NAMED=key-that-was-named
export PROMPTFOO_CONFIG_DIR="$folder/home" PROMPTFOO_DISABLE_TELEMETRY=1 PROMPTFOO_DISABLE_UPDATE=1 PROMPTFOO_DISABLE_DEBUG_LOG=1
node "$root/node_modules/promptfoo/dist/src/entrypoint.js" eval -o out.json --no-cache --no-table > log.txt 2>&1 || { cat log.txt; exit 1; }
holds() { grep -qa "$2" $1 && echo yes || echo no; }
status=0
expect() {
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  CHANGED: it was '$3'"; status=1; }
}
expect "the database holds the key that was filled in" "$(holds "home/promptfoo.db*" "$FILLED_IN")" yes
expect "the file of results holds it" "$(holds out.json "$FILLED_IN")" no
expect "the database holds the key that was named" "$(holds "home/promptfoo.db*" "$NAMED")" no
exit $status
