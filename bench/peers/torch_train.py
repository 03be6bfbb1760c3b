"""Train step of transformers' Qwen3 in PyTorch on the CPU: forward, backward, clipping, AdamW, random weights.

Needs: pip install torch transformers numpy
bf16: float32 weights under bfloat16 autocast; f32: float32 throughout.
    python bench/peers/torch_train.py --shape small --dtype bf16
"""

import contextlib
import sys
import time

sys.dont_write_bytecode = True
from common import SHAPES, arguments, random_qwen3, report, rounds, row


def main():
    args = arguments(__doc__, compile={"action": "store_true", "help": "through torch.compile"})
    import torch

    sequences, tokens = SHAPES[args.shape]["train"]
    model = random_qwen3(args.shape, torch.float32)
    model.config.use_cache = False
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    call = torch.compile(model) if args.compile else model
    ids = (torch.arange(sequences * tokens) * 7919 % model.config.vocab_size).view(sequences, tokens)

    def step():
        start = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16) if args.dtype == "bf16" else contextlib.nullcontext():
            loss = call(input_ids=ids, labels=ids).loss
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return time.perf_counter() - start

    times = rounds(step, args)
    speeds = [sequences * tokens / seconds for seconds in times]
    report("torch", args, [row(args.shape, f"train step, {sequences} x {tokens}", "tokens/s", speeds)])


if __name__ == "__main__":
    main()
