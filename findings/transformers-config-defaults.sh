#!/usr/bin/env bash
# Keys of a config.json that mean something else than they say, or something where they are absent:
# - mistral: no "sliding_window" means a window of 4096 tokens; only null means none.
# - smollm3: in "no_rope_layers" a 1 is a layer that DOES rotate; the 0s are the layers without RoPE.
# - smollm3: no "pad_token_id" means 128004, which is outside the vocabulary of any smaller model.
# A reader that takes the plain meaning loads the model and computes something else.
# Seen with transformers 5.24.0. In the product: src/engine/families/mistral.ts and smollm3.ts, tested against values that
# transformers computes (test/fixtures/make_models.py).
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check transformers==5.24.0
"$work/venv/bin/python" - <<'PY'
import inspect
import sys
import warnings

warnings.filterwarnings("ignore")
from transformers import AutoConfig, MistralConfig, SmolLM3Config
import transformers

print("transformers", transformers.__version__)
wrong = 0


def expect(what, got, wanted):
    global wrong
    print(f"{what}: {got}")
    if got != wanted:
        print(f"  CHANGED: it was {wanted}")
        wrong = 1


expect("mistral, sliding_window absent", MistralConfig.from_dict({"model_type": "mistral"}).sliding_window, 4096)
expect("mistral, sliding_window null", MistralConfig.from_dict({"model_type": "mistral", "sliding_window": None}).sliding_window, None)
small = SmolLM3Config.from_dict({"model_type": "smollm3", "num_hidden_layers": 8, "no_rope_layer_interval": 4})
expect("smollm3, no_rope_layers of 8 layers, every fourth without RoPE", small.no_rope_layers, [1, 1, 1, 0, 1, 1, 1, 0])
expect("smollm3, pad_token_id absent", small.pad_token_id, 128004)
source = open(inspect.getfile(SmolLM3Config).replace("configuration_", "modeling_")).read()
expect("smollm3, a layer rotates where its entry is", "self.use_rope = config.no_rope_layers[layer_idx]" in source, True)
sys.exit(wrong)
PY
