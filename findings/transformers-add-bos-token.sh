#!/usr/bin/env bash
# "add_bos_token" of tokenizer_config.json decides nothing where there is a tokenizer.json. transformers 5.24 drops the key on loading, and
# the post-processor of tokenizer.json alone says whether a text begins with BOS. true adds none, false takes none away.
# A reader that believes the key puts a token before a prompt that transformers does not, or leaves one out.
# Seen with transformers 5.24.0. In the product: src/engine/checkpoint/tokenizer.ts encodes by the post-processor, without the key.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import json
import sys
from tokenizers import Tokenizer, models, pre_tokenizers, processors
import transformers
from transformers import AutoTokenizer

print("transformers", transformers.__version__)
wrong = 0
for name, begins in (("no post-processor", False), ("a post-processor that begins with BOS", True)):
    tokenizer = Tokenizer(models.WordLevel({"<s>": 0, "a": 1, "?": 2}, unk_token="?"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    if begins:
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    tokenizer.save("tokenizer.json")
    for key in ({}, {"add_bos_token": True}, {"add_bos_token": False}):
        with open("tokenizer_config.json", "w") as file:
            json.dump({"tokenizer_class": "PreTrainedTokenizerFast", "bos_token": "<s>", "unk_token": "?", **key}, file)
        ids = AutoTokenizer.from_pretrained(".")("a")["input_ids"]
        print(f"{name}, {key or 'no key'}: {ids}")
        if ids != ([0, 1] if begins else [1]):
            print("  CHANGED")
            wrong = 1
sys.exit(wrong)
PY
