#!/usr/bin/env bash
# @huggingface/jinja renders real chat templates otherwise than transformers does, without an error, where JavaScript and Python part:
# - strip(chars), lstrip(chars) and rstrip(chars) ignore their argument and take all white space off (Qwen3 writes thoughts by them).
# - "==" is JavaScript's: "0" equals 0, and two equal lists differ.
# - true is written "true", not "True". A "~" of a list writes what JavaScript does.
# - What a loop sets is still there in its next turn. A "break" drops the text that its turn had written.
# Seen with @huggingface/jinja 0.5.11 and Jinja2 3.1.6. In the product: src/engine/checkpoint/jinja runs what the package parses by Python's rules.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund @huggingface/jinja@0.5.11
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check Jinja2==3.1.6
cat >templates.json <<'JSON'
[
  "[{{ '  a  \n'.rstrip('\n') }}]",
  "{{ '0' == 0 }}",
  "{{ [1, 2] == [1, 2] }}",
  "{{ true }}",
  "{{ 'a' ~ [1] }}",
  "{% for i in [1, 2] %}{{ x }}{% set x = i %}{% endfor %}",
  "{% for i in [1, 2] %}a{% if i == 2 %}b{% break %}{% endif %}{% endfor %}"
]
JSON
cat >theirs.mjs <<'JS'
import { readFileSync } from 'node:fs'
import { Template } from '@huggingface/jinja'
console.log(JSON.stringify(JSON.parse(readFileSync('templates.json', 'utf8')).map((source) => new Template(source).render({}))))
JS
node theirs.mjs >theirs.json
venv/bin/python - <<'PY'
import json
import sys
import jinja2

print("Jinja2", jinja2.__version__)
environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True, extensions=["jinja2.ext.loopcontrols"])
sources, theirs = json.load(open("templates.json")), json.load(open("theirs.json"))
same = 0
for source, text in zip(sources, theirs):
    python = environment.from_string(source).render()
    print(f"{source!r}: Jinja2 {python!r}, @huggingface/jinja {text!r}")
    if python == text:
        print("  CHANGED: they agree")
        same = 1
sys.exit(same)
PY
