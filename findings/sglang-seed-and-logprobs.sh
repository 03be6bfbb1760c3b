#!/usr/bin/env bash
# SGLang's /v1/completions takes `seed` and ignores it: three draws with the same seed differ, one after the other, on a server that does
# nothing else. Its source asks for --enable-deterministic-inference, which its attention in PyTorch, the one that ran here, refuses.
# Its log-probabilities are of what is drawn: after temperature and logit_bias, before top_k and top_p. vLLM's and llama.cpp's are the model's
# own. And it answers under any `model`, where vLLM says 404.
# Seen with sglang 0.5.23 on a CPU without AMX. PyPI has no CPU build of its kernels. It imports one of them and calls none, so an empty
# module stands in. The sampler is SGLang's own. In the product: src/remote/probe.ts finds whose log-probabilities a server says.
set -euo pipefail
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || { kill -9 -- "-$server"; wait "$server"; } 2>/dev/null || true; rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check uv==0.13.9
uv() { "$work/venv/bin/uv" pip install --quiet --python "$work/venv/bin/python" "$@"; }
uv torch==2.14.1 torchvision transformers==5.19.0 aiohttp anthropic apache-tvm-ffi==0.1.11 blobfile==3.0.0 build compressed-tensors==0.18.0 datasets \
  distro easydict einops fastapi gguf interegular IPython 'llguidance>=1.7.6,<2' 'mistral_common>=1.11.5' msgspec ninja numba==0.65.1 numpy \
  nvidia-ml-py openai==2.8.0 openai-harmony==0.0.4 orjson outlines==0.1.11 packaging partial_json_parser pillow prometheus-client psutil py-spy \
  pybase64 pydantic 'python-dateutil<3' python-multipart pyzmq regex requests scipy sentencepiece==0.2.1 setproctitle smg-grpc-servicer soundfile \
  tiktoken timm tokenizers==0.23.2 torch_memory_saver tqdm 'uvicorn>=0.51' uvloop watchfiles xgrammar==0.2.7 xxhash zstandard
uv --no-deps sglang==0.5.23
kernels=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')/sgl_kernel
mkdir "$kernels"
cat > "$kernels/__init__.py" <<'PY'
import importlib.machinery
import sys
import types


class Missing:
    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Missing()

    def __call__(self, *args, **kwargs):
        raise NotImplementedError("a kernel that was to be left alone")


def __getattr__(name):
    if name.startswith("__"):
        raise AttributeError(name)
    return Missing()


class Parts:
    def find_spec(self, name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, self) if name.startswith("sgl_kernel.") else None

    def create_module(self, spec):
        module = types.ModuleType(spec.name)
        module.__getattr__ = __getattr__
        module.__path__ = []
        return module

    def exec_module(self, module):
        pass


sys.meta_path.append(Parts())
PY
cd "$work"
venv/bin/python - <<'PY'
import torch
from tokenizers import Tokenizer, models
from transformers import PreTrainedTokenizerFast, Qwen3Config, Qwen3ForCausalLM

torch.manual_seed(0)
sizes = dict(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=2, num_key_value_heads=1, head_dim=16, intermediate_size=64)
Qwen3ForCausalLM(Qwen3Config(**sizes, max_position_embeddings=64, eos_token_id=63, initializer_range=0.5)).save_pretrained("model")
words = {f"w{i}": i for i in range(63)} | {"<end>": 63}
PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(words, unk_token="w0")), eos_token="<end>").save_pretrained("model")
PY
port=$(venv/bin/python -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export SGLANG_USE_CPU_ENGINE=1 HF_HUB_OFFLINE=1 OMP_NUM_THREADS=1
setsid venv/bin/python -m sglang.launch_server --model-path model --served-model-name tiny --device cpu --attention-backend torch_native --dtype float32 \
  --host 127.0.0.1 --port "$port" --disable-overlap-schedule --skip-server-warmup --max-total-tokens 4096 --mem-fraction-static 0.6 > log 2>&1 &
server=$!
until curl -sf "http://127.0.0.1:$port/v1/models" > /dev/null; do
  kill -0 "$server" 2>/dev/null || { tail -20 log; exit 1; }
  sleep 1
done
cat > ask.py <<'PY'
import json
import sys
import urllib.request

port = sys.argv[1]


def ask(**more):
    body = {"model": "tiny", "prompt": [1, 2, 3], "max_tokens": 8, "seed": 5, "return_token_ids": True, "logprobs": 1, **more}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/completions", json.dumps(body).encode(), {"content-type": "application/json"})
    choice = json.load(urllib.request.urlopen(request))["choices"][0]
    return choice["token_ids"], choice["logprobs"]["token_logprobs"], max(choice["logprobs"]["top_logprobs"][0].values())


def check(what, holds):
    print(f"  {'as seen' if holds else 'CHANGED'}: {what}")
    if not holds:
        sys.exit(1)
PY
cat > check.py <<'PY'
from ask import ask, check

draws = [ask(temperature=2)[0] for _ in range(3)]
print("three draws with seed 5:", *draws, sep="\n  ")
check("a seed is ignored", len({tuple(draw) for draw in draws}) > 1)
(token, *_), (own, *_), likeliest = ask(temperature=0, max_tokens=1)
other = (token + 1) % 60
(forced, *_), (said, *_), _ = ask(temperature=0, max_tokens=1, logit_bias={str(other): 100})
print(f"token {token} is likeliest with {own:.3f}; token {forced} forced by logit_bias: {said:.3f}")
check("log-probabilities are after logit_bias", forced == other and said > -1e-3)
_, _, hot = ask(temperature=100, max_tokens=1)
print(f"the likeliest token has {likeliest:.3f} at temperature 0, {hot:.3f} at temperature 100, and one of 64 that are alike -4.159")
check("log-probabilities are after temperature", abs(hot + 4.159) < 0.1 and likeliest > -3.9)
check("any model name is answered", len(ask(model="another")[0]) > 0)
PY
venv/bin/python -c 'import importlib.metadata as m; print("sglang", m.version("sglang"))'
venv/bin/python check.py "$port"
