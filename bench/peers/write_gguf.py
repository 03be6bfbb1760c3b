"""Writes a GGUF of random weights in one of the shapes, for node_llama_cpp.mjs: nothing has to be downloaded or converted.

Needs: pip install gguf numpy
    python bench/peers/write_gguf.py --shape tiny --type bf16 --out tiny.gguf      (qwen3-0.6b: 1.2 GB, as q8_0 0.6 GB)
"""

import argparse
import json
import pathlib

import gguf
import numpy as np

SHAPES = json.loads((pathlib.Path(__file__).parent.parent / "shapes.json").read_text())
TYPES = {"f32": "F32", "bf16": "BF16", "q8_0": "Q8_0"}


def vocabulary(size):
    """Bytes in the spelling of GPT-2, then names that stand for nothing."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    spelled = [chr(b) for b in plain] + [chr(256 + i) for i in range(len(others))]
    return spelled[:size] + [f"<{i}>" for i in range(size - len(spelled))]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shape", default="tiny", choices=SHAPES)
    parser.add_argument("--type", default="bf16", choices=TYPES)
    parser.add_argument("--out", required=True)
    args = parser.parse_args()
    s = SHAPES[args.shape]["sizes"]
    hidden, ff, dim, vocab = s["hiddenSize"], s["intermediateSize"], s["headDim"], s["vocabSize"]
    kind = gguf.GGMLQuantizationType[TYPES[args.type]]
    draw = np.random.default_rng(1)

    writer = gguf.GGUFWriter(args.out, "qwen3")
    writer.add_name(f"random {args.shape}")
    writer.add_context_length(4096)
    writer.add_embedding_length(hidden)
    writer.add_block_count(s["layers"])
    writer.add_feed_forward_length(ff)
    writer.add_head_count(s["heads"])
    writer.add_head_count_kv(s["kvHeads"])
    writer.add_key_length(dim)
    writer.add_value_length(dim)
    writer.add_layer_norm_rms_eps(1e-6)
    writer.add_rope_freq_base(10000.0)
    writer.add_vocab_size(vocab)
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    tokens = vocabulary(vocab)
    writer.add_token_list(tokens)
    writer.add_token_types([gguf.TokenType.NORMAL] * vocab)
    writer.add_token_merges([f"{tokens[0]} {tokens[1]}"])
    writer.add_eos_token_id(vocab - 1)
    writer.add_bos_token_id(vocab - 1)

    def matrix(name, out, inner):
        data = draw.standard_normal((out, inner), dtype=np.float32) * np.float32(0.02)
        writer.add_tensor(name, gguf.quants.quantize(data, kind), raw_dtype=kind)

    def norm(name, size):
        writer.add_tensor(name, np.ones(size, dtype=np.float32))

    matrix("token_embd.weight", vocab, hidden)
    norm("output_norm.weight", hidden)
    for layer in range(s["layers"]):
        at = f"blk.{layer}."
        matrix(f"{at}attn_q.weight", s["heads"] * dim, hidden)
        matrix(f"{at}attn_k.weight", s["kvHeads"] * dim, hidden)
        matrix(f"{at}attn_v.weight", s["kvHeads"] * dim, hidden)
        matrix(f"{at}attn_output.weight", hidden, s["heads"] * dim)
        norm(f"{at}attn_q_norm.weight", dim)
        norm(f"{at}attn_k_norm.weight", dim)
        norm(f"{at}attn_norm.weight", hidden)
        norm(f"{at}ffn_norm.weight", hidden)
        matrix(f"{at}ffn_gate.weight", ff, hidden)
        matrix(f"{at}ffn_up.weight", ff, hidden)
        matrix(f"{at}ffn_down.weight", hidden, ff)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


if __name__ == "__main__":
    main()
