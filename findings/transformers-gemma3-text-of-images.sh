#!/usr/bin/env bash
# A gemma3 checkpoint with images keeps its text model under names that the text-only class does not look for. Loading it as
# Gemma3ForCausalLM does not fail: every weight is drawn at random, and only a report on standard error lists missing keys.
# Two loads of one folder differ.
# Seen with transformers 5.24.0 and torch 2.15.0. In the product: a gemma3 with images is refused by name, and the message says
# how to save its text part (src/engine/families/gemma3.ts).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0 torch==2.15.0 safetensors pillow
cd "$work" && "$work/venv/bin/python" - 2>/dev/null <<'PY'
import sys
import torch
import transformers
from transformers import Gemma3Config, Gemma3ForCausalLM, Gemma3ForConditionalGeneration

torch.manual_seed(0)
text = dict(vocab_size=64, hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
            head_dim=8, max_position_embeddings=64, sliding_window=16)
vision = dict(hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
whole = Gemma3ForConditionalGeneration(Gemma3Config(text_config=text, vision_config=vision, mm_tokens_per_image=4))
whole.save_pretrained("gemma3")
kept = whole.get_input_embeddings().weight
loads = [Gemma3ForCausalLM.from_pretrained("gemma3").get_input_embeddings().weight for _ in range(2)]
print("transformers", transformers.__version__, "torch", torch.__version__)
found = {"loads without an error": True, "holds what was saved": torch.equal(loads[0], kept), "two loads agree": torch.equal(*loads)}
wrong = 0
for (what, got), wanted in zip(found.items(), [True, False, False]):
    print(f"{what}: {got}")
    if got != wanted:
        print(f"  CHANGED: it was {wanted}")
        wrong = 1
sys.exit(wrong)
PY
