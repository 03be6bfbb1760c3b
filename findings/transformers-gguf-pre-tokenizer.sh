#!/usr/bin/env bash
# The tokenizer that transformers reads from a GGUF file does not know the file's pre-tokenizer: "tokenizer.ggml.pre" is not looked at,
# and every byte-level vocabulary is split as GPT-2 does. No warning. "smollm" means digits one by one, each without the space before it:
# here " 12" is one token, and should be three, as llama.cpp has it. In SmolLM2's own vocabulary no token holds two digits, so it only
# shows where white space stands before a digit: 15 of GSM8K's 1,319 test questions get other ids.
# Seen with transformers 5.24.0 and node-llama-cpp 3.22.1 (llama.cpp v0.5.0), on Linux x64. In the product: the tokenizer of a GGUF file
# is made from its keys (src/engine/gguf/tokenizer.ts), and has llama.cpp's ids on 2,000 texts a vocabulary.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip install --quiet --disable-pip-version-check transformers==5.24.0 gguf==0.19.0 torch==2.15.0
npm init -y >/dev/null
npm install --silent --ignore-scripts --omit=optional node-llama-cpp@3.22.1 @node-llama-cpp/linux-x64@3.22.1 >/dev/null 2>&1

cat >make.py <<'PY'
import gguf
from transformers.convert_slow_tokenizer import bytes_to_unicode

merges = ["Ġ 1", "Ġ1 2", "1 2"]
tokens = list(bytes_to_unicode().values()) + ["Ġ1", "Ġ12", "12", "<|endoftext|>"]
writer = gguf.GGUFWriter("model.gguf", "llama")
for add in (writer.add_context_length, writer.add_embedding_length, writer.add_feed_forward_length):
    add(64)
writer.add_block_count(1)
writer.add_head_count(1)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_vocab_size(len(tokens))
writer.add_tokenizer_model("gpt2")
writer.add_tokenizer_pre("smollm")
writer.add_token_list(tokens)
writer.add_token_merges(merges)
writer.add_token_types([1] * (len(tokens) - 1) + [3])
writer.add_bos_token_id(len(tokens) - 1)
writer.add_eos_token_id(len(tokens) - 1)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.close()
PY
cat >ids.py <<'PY'
from transformers import AutoTokenizer

print(*AutoTokenizer.from_pretrained(".", gguf_file="model.gguf").encode(" 12", add_special_tokens=False))
PY
cat >ids.mjs <<'JS'
import { getLlama, LlamaLogLevel } from 'node-llama-cpp'
const llama = await getLlama({ gpu: false, build: 'never', logLevel: LlamaLogLevel.disabled, progressLogs: false })
const model = await llama.loadModel({ modelPath: 'model.gguf', vocabOnly: true })
console.log(...model.tokenize(' 12', true))
process.exit(0)
JS

venv/bin/python make.py
of_transformers=$(venv/bin/python ids.py 2>/dev/null)
of_llama=$(node ids.mjs)
echo "\" 12\" in a file with tokenizer.ggml.pre = smollm: $of_transformers by transformers, $of_llama by llama.cpp"
[ "$of_llama" = "220 16 17" ] && [ "$of_transformers" = "257" ] || { echo "  CHANGED: it was 257 by transformers, 220 16 17 by llama.cpp"; exit 1; }
