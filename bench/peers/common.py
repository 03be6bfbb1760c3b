"""What the Python peers share: the shapes of bench/shapes.json, timing as in bench/engine, one JSON line at the end.

Run itself, it prints the versions and the device that --device names, or ends with the reason why there is none.
"""

import argparse
import contextlib
import importlib.metadata
import json
import pathlib
import statistics
import sys
import time

SHAPES = json.loads((pathlib.Path(__file__).parent.parent / "shapes.json").read_text())


def arguments(description, **more):
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--shape", default="tiny", choices=SHAPES)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--dtype", default="bf16", choices=["bf16", "f32"])
    parser.add_argument("--threads", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=60, help="no round begins later than this after the first")
    for name, options in more.items():
        parser.add_argument(f"--{name}", **options)
    args = parser.parse_args()
    if args.device == "cuda":
        need_gpu()
    if args.threads:
        import torch

        torch.set_num_threads(args.threads)
    return args


def need_gpu():
    """Ends the process with one line where torch cannot use a GPU."""
    import torch

    if not torch.cuda.is_available():
        sys.exit(f"torch {torch.__version__} sees no GPU")


def synchronize(args):
    if args.device == "cuda":
        import torch

        torch.cuda.synchronize()


def now(args):
    """Seconds, once the device has done what it was given."""
    synchronize(args)
    return time.perf_counter()


def random_qwen3(shape, dtype, attention="sdpa", device="cpu"):
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
    with contextlib.nullcontext() if device == "cpu" else torch.device(device):
        model = AutoModelForCausalLM.from_config(config, attn_implementation=attention, dtype=dtype)
    return model.to(device)


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


def report(peer, args, results, **more):
    import torch

    for r in results:
        print(f"{r['shape']}: {r['work']}: {r['median']:.4g} {r['unit']} (best {r['best']:.4g}, {r['rounds']} rounds)", file=sys.stderr)
    if args.device == "cuda":
        more["device"] = torch.cuda.get_device_name()
    about = {"bench": "peer", "peer": peer, "dtype": args.dtype, "threads": torch.get_num_threads(), "versions": versions()}
    print(json.dumps({**about, **more, "results": results}))


def versions():
    """Name to version of the packages that the peers are made of, as far as they are installed."""
    found = {}
    for name in ["torch", "transformers", "trl", "datasets"]:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    args = parser.parse_args()
    found = versions()
    missing = [name for name in ["torch", "transformers"] if name not in found]
    if missing:
        sys.exit(f"{sys.executable} has no {' and no '.join(missing)}")
    if args.device == "cuda":
        need_gpu()
        import torch

        found["device"] = torch.cuda.get_device_name()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
