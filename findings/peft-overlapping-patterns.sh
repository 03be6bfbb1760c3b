#!/usr/bin/env bash
# An adapter whose alpha_pattern or rank_pattern has two keys that match one layer changes when it is saved and loaded. PEFT takes the
# first key that matches, in the order of the dict, but save_pretrained writes JSON with sorted keys. With alpha_pattern the scale of
# the layer changes in silence. With rank_pattern the shapes no longer fit, and the load fails.
# Seen with peft 0.21.2, transformers 5.24.0 and torch 2.15.0. In the product: src/engine/adapters/targets.ts takes the first in the file, as
# PEFT does, and warns; write.ts writes no such patterns.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check peft==0.21.2 transformers==5.24.0 torch==2.15.0
cd "$work"
HF_HUB_OFFLINE=1 "$work/venv/bin/python" -W ignore - <<'PY'
import json
import sys
import peft
import torch
import transformers
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import Qwen3Config, Qwen3ForCausalLM

print("peft", peft.__version__)
transformers.logging.set_verbosity_error()
sizes = dict(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1, head_dim=8, intermediate_size=24)
ids = torch.tensor([[3, 14, 15, 9, 2, 6, 5]])
wrong = 0


def base():
    torch.manual_seed(0)
    return Qwen3ForCausalLM(Qwen3Config(**sizes)).eval()


def case(what, pattern, outcome):
    """outcome of saving and loading: 'same', 'other scale' or 'error'"""
    global wrong
    torch.manual_seed(1)
    model = get_peft_model(base(), LoraConfig(r=2, lora_alpha=2, target_modules=["q_proj"], init_lora_weights=False, **pattern)).eval()
    layer = lambda m: m.base_model.model.model.layers[0].self_attn.q_proj
    with torch.no_grad():
        before = model(ids).logits
    model.save_pretrained("adapter")
    keys = list(json.load(open("adapter/adapter_config.json"))[next(iter(pattern))])
    try:
        again = PeftModel.from_pretrained(base(), "adapter").eval()
        with torch.no_grad():
            far = (again(ids).logits - before).abs().max().item()
        got = "same" if far < 1e-6 else "other scale"
        detail = f"scale {layer(model).scaling['default']} -> {layer(again).scaling['default']}, logits differ by {far:.3g}"
    except RuntimeError as error:
        got, detail = "error", "size mismatch" if "size mismatch" in str(error) else str(error)[:80]
    print(f"{what}: {list(next(iter(pattern.values())))} saved as {keys}: {got} ({detail})")
    if got != outcome:
        print("  CHANGED")
        wrong = 1


special, general = r"layers\.0\.self_attn\.q_proj", ".*q_proj"
case("alpha_pattern, the special key first", dict(alpha_pattern={special: 16, general: 4}), "other scale")
case("alpha_pattern, in sorted order", dict(alpha_pattern={general: 4, special: 16}), "same")
case("rank_pattern, the special key first", dict(rank_pattern={special: 4, general: 1}), "error")
sys.exit(wrong)
PY
