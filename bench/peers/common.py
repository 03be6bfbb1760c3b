"""What the Python peers share: the shapes of bench/shapes.json, timing as in bench/engine, one JSON line at the end."""

import argparse
import json
import pathlib
import statistics
import sys
import time

SHAPES = json.loads((pathlib.Path(__file__).parent.parent / "shapes.json").read_text())


def arguments(description, **more):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--shape", default="tiny", choices=SHAPES)
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60, help="no round begins later than this after the first")
    for name, options in more.items():
        parser.add_argument(f"--{name}", **options)
    args = parser.parse_args()
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    return args


def random_qwen3(shape, dtype, attention="sdpa"):
    import torch
    from transformers import AutoModelForCausalLM, Qwen3Config

    s = SHAPES[shape]["sizes"]
    config = Qwen3Config(
        vocab_size=s["vocabSize"],
        hidden_size=s["hiddenSize"],
        num_hidden_layers=s["layers"],
        num_attention_heads=s["heads"],
        num_key_value_heads=s["kvHeads"],
        head_dim=s["headDim"],
        intermediate_size=s["intermediateSize"],
        tie_word_embeddings=True,
        max_position_embeddings=4096,
        rms_norm_eps=1e-6,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    torch.manual_seed(1)
    return AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=dtype)


def rounds(run, args):
    """What `run` returns, of several rounds after one to warm up."""
    run()
    start = time.perf_counter()
    values = []
    while len(values) < args.rounds and (not values or time.perf_counter() - start < args.seconds):
        values.append(run())
    return values


def row(shape, work, unit, values):
    best = min if unit == "s" else max
    return {"shape": shape, "work": work, "unit": unit, "median": statistics.median(values), "best": best(values), "rounds": len(values)}


def report(peer, args, results):
    import torch

    for r in results:
        print(f"{r['shape']}: {r['work']}: {r['median']:.4g} {r['unit']} (best {r['best']:.4g}, {r['rounds']} rounds)", file=sys.stderr)
    print(json.dumps({"bench": "peer", "peer": peer, "dtype": args.dtype, "threads": torch.get_num_threads(), "results": results}))
