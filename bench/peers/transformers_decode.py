"""Forward passes of transformers' Qwen3 with random weights: decode steps in a static cache, and prefill; SDPA.

Needs: pip install torch transformers numpy
A decode step is the model, softmax, a draw and the ids on the host, as a step of bundle/bench.mjs; generate() costs more. A
shared prefix stands in the cache once a sequence. --compile: torch.compile, mode reduce-overhead (CUDA graphs) for decode steps.
    python bench/peers/transformers_decode.py --device cuda --shape qwen3-0.6b --batches 1,16,64,256 --context 500
"""

import gc
import inspect
import statistics
import sys

sys.dont_write_bytecode = True
from common import arguments, now, random_qwen3, report, rounds, row

WARM = 8
CHUNK = 16384
"""Tokens of a prompt pass into the static cache."""


def main():
    args = arguments(
        __doc__,
        work={"default": "decode,fork,prefill"},
        batches={"default": "1,16,64,256"},
        context={"type": int, "default": 500, "help": "tokens before the first step of decode"},
        prefix={"type": int, "default": 2000, "help": "of fork"},
        prefill={"type": int, "default": 4096},
        steps={"type": int, "default": 24},
        compile={"action": "store_true", "help": "decode steps through torch.compile"},
    )
    import torch
    from transformers import StaticCache

    model = random_qwen3(args.shape, torch.bfloat16 if args.dtype == "bf16" else torch.float32, device=args.device).eval()
    numbered = "cache_position" in inspect.signature(model.forward).parameters  # transformers 4
    results, failed = [], []

    def ids(size, tokens):
        at = torch.arange(tokens, device=args.device) * 7919 + torch.arange(size, device=args.device)[:, None]
        return at % model.config.vocab_size

    def forward(call, tokens, at, cache):
        positions = torch.arange(at, at + tokens.shape[1], device=args.device)
        more = {"cache_position": positions} if numbered else {}
        return call(input_ids=tokens, position_ids=positions[None], past_key_values=cache, use_cache=True, logits_to_keep=1, **more).logits

    def decode(size, context):
        """Tokens a second of the median step."""
        torch._dynamo.reset()  # or the second batch size is compiled for any
        call = torch.compile(model, mode="reduce-overhead", dynamic=False) if args.compile else model
        room = -(-(context + WARM + args.steps) // 64) * 64
        cache = StaticCache(config=model.config, max_cache_len=room, max_batch_size=size, device=args.device, dtype=model.dtype)
        at = 0
        for part in ids(size, context).split(max(1, CHUNK // size), 1):
            forward(model, part, at, cache)
            at += part.shape[1]
        last = ids(size, 1)
        times = []
        for at in range(context, context + WARM + args.steps):
            start = now(args)
            if args.compile:
                torch.compiler.cudagraph_mark_step_begin()
            logits = forward(call, last, at, cache)
            last = torch.multinomial(torch.softmax(logits[:, -1].float(), -1), 1)
            last.tolist()
            times.append(now(args) - start)
        return [size / statistics.median(times[WARM:])]

    def prefill():
        prompt = ids(1, args.prefill)

        def run():
            start = now(args)
            model(input_ids=prompt, use_cache=True, logits_to_keep=1)
            return args.prefill / (now(args) - start)

        return rounds(run, args)

    def add(work, run):
        """A row, or the reason why there is none: memory, a compiler that is missing."""
        try:
            results.append(row(args.shape, work, "tokens/s", run()))
        except Exception as error:
            failed.append({"work": work, "reason": f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"})
        gc.collect()
        if args.device == "cuda":
            torch.cuda.empty_cache()

    with torch.no_grad():
        if "decode" in args.work:
            for size in map(int, args.batches.split(",")):
                add(f"decode, batch {size}, context {args.context}", lambda size=size: decode(size, args.context))
        if "fork" in args.work:
            for size in (1, 8):
                add(f"{size} path{'s' if size > 1 else ''} from {args.prefix:,} tokens", lambda size=size: decode(size, args.prefix))
        if "prefill" in args.work:
            add(f"prefill of {args.prefill:,}", prefill)
    report("transformers", args, results, failed=failed)


if __name__ == "__main__":
    main()
