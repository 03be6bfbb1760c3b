#!/usr/bin/env bash
# A config.json that says tie_word_embeddings: true does not decide alone. Where lm_head.weight stands in the file beside the embedding
# and differs from it, transformers 5.24 keeps both and only warns. The key means "tied unless the file says otherwise". A reader that
# believes the key drops the stored head and computes other probabilities.
# Where the two are equal they are tied, and where the head stands alone it is the embedding, too.
# Seen with transformers 5.24.0 and torch 2.15.0. In the product: src/engine/checkpoint/stored-head.ts.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 torch==2.15.0
cd "$work"
"$work/venv/bin/python" - <<'PY'
import sys
import torch
import transformers
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, Qwen3Config, Qwen3ForCausalLM

print("transformers", transformers.__version__)
transformers.logging.set_verbosity_error()
sizes = dict(vocab_size=50, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=8, intermediate_size=24)
torch.manual_seed(0)
Qwen3ForCausalLM(Qwen3Config(**sizes, tie_word_embeddings=True)).save_pretrained("model")
stored = load_file("model/model.safetensors")
embedding = "model.embed_tokens.weight"
wrong = 0


def case(what, tensors, tied):
    global wrong
    save_file(tensors, "model/model.safetensors", metadata={"format": "pt"})
    model = AutoModelForCausalLM.from_pretrained("model")
    table, head = model.model.embed_tokens.weight, model.lm_head.weight
    kept = torch.equal(head, tensors.get("lm_head.weight", stored[embedding]))
    print(f"{what}: config says {model.config.tie_word_embeddings}, tied {table is head}, head of the file {kept}")
    if (table is head) is not tied or not kept:
        print("  CHANGED")
        wrong = 1


case("a head that differs", {**stored, "lm_head.weight": -stored[embedding]}, False)
case("a head that is a copy", {**stored, "lm_head.weight": stored[embedding].clone()}, True)
case("a head alone", {**{k: v for k, v in stored.items() if k != embedding}, "lm_head.weight": stored[embedding]}, True)
sys.exit(wrong)
PY
