#!/usr/bin/env bash
# npm 12 does not run the install script of a dependency, and `npm rebuild NAME` alone does not run it either: both say so in a
# warning and exit 0, so a package with native code is there without its binary. It takes `npm install-scripts approve NAME` first.
# npm 11 runs the script and warns, npm 10 runs it silently.
# Seen with npm 10.9.4, 11.19.1 and 12.2.2 under Node 20 (npm 12 under Node 22 or later). In the product: the first use of the
# engine names the two commands (src/engine/native/locate.ts), and platform packages need no script at all (docs/install.md).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir dependency
cat >dependency/package.json <<'JSON'
{ "name": "has-a-script", "version": "1.0.0", "scripts": { "install": "node -e \"require('fs').writeFileSync('ran.txt', '')\"" } }
JSON
tarball="$work/$(cd dependency && npm pack --silent --ignore-scripts --pack-destination "$work")"

# npm 12 asks for a newer Node than the one that may be here.
mkdir tools
(cd tools && npm init -y >/dev/null && npm install --silent --ignore-scripts npm-10@npm:npm@10.9.4 npm-11@npm:npm@11.19.1 npm-12@npm:npm@12.2.2 node@24.11.1 >/dev/null 2>&1)
(cd tools/node_modules/node && node installArchSpecificPackage.js >/dev/null 2>&1) || true
node24=$(find "$work/tools/node_modules" -path '*bin/node' -type f | head -n 1)
export PATH="$(dirname "$node24"):$PATH"

ran() { [ -e "node_modules/has-a-script/ran.txt" ] && echo ran || echo "did not run"; }
npm_of() { node "$work/tools/node_modules/npm-$1/bin/npm-cli.js" "${@:2}" >"$work/out.txt" 2>&1; }

status=0
expect() {
  echo "$1: $2"
  [ "$2" = "$3" ] || { echo "  CHANGED: it was '$3'"; status=1; }
}
for major in 10 11 12; do
  mkdir "project-$major" && cd "project-$major"
  echo '{ "name": "project", "private": true }' >package.json
  npm_of "$major" install "$tarball"
  if [ "$major" = 12 ]; then wanted="did not run"; else wanted=ran; fi
  expect "npm $(node -p "require('$work/tools/node_modules/npm-$major/package.json').version") install" "$(ran)" "$wanted"
  cd ..
done
cd project-12
npm_of 12 rebuild has-a-script
expect "npm 12 rebuild, not approved" "$(ran)" "did not run"
if grep -q install-scripts "$work/out.txt"; then said=yes; else said=no; fi
expect "npm 12 rebuild names npm install-scripts" "$said" yes
npm_of 12 install-scripts approve has-a-script
npm_of 12 rebuild has-a-script
expect "npm 12 rebuild after npm install-scripts approve" "$(ran)" ran
exit $status
