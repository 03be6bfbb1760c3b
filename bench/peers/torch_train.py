"""Train step of transformers' Qwen3 in PyTorch: forward, backward, clipping, fused AdamW, SDPA, random weights.

Needs: pip install torch transformers numpy
bf16: float32 weights under bfloat16 autocast; f32: float32 throughout.
On the GPU a step that does not fit is cut into halves of its sequences, gradients added up, until it does ("micro").
    python bench/peers/torch_train.py --shape small --dtype bf16
    python bench/peers/torch_train.py --device cuda --shape qwen3-0.6b --sequences 8 --length 2048 --checkpointing
"""

import contextlib
import sys

sys.dont_write_bytecode = True
from common import SHAPES, arguments, now, random_qwen3, report, rounds, row


def main():
    args = arguments(
        __doc__,
        compile={"action": "store_true", "help": "through torch.compile"},
        checkpointing={"action": "store_true", "help": "recompute the activations of each layer"},
        sequences={"type": int, "help": "default: the shape's"},
        length={"type": int, "help": "tokens a sequence; default: the shape's"},
    )
    import torch

    sequences, tokens = SHAPES[args.shape]["train"]
    sequences, tokens = args.sequences or sequences, args.length or tokens
    model = random_qwen3(args.shape, torch.float32, device=args.device)
    model.config.use_cache = False
    if args.checkpointing:
        model.train()
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0, fused=True)
    call = torch.compile(model) if args.compile else model
    ids = (torch.arange(sequences * tokens, device=args.device) * 7919 % model.config.vocab_size).view(sequences, tokens)
    micro = sequences

    def step():
        start = now(args)
        for part in ids.split(micro):
            with torch.autocast(args.device, torch.bfloat16) if args.dtype == "bf16" else contextlib.nullcontext():
                loss = call(input_ids=part, labels=part).loss
            (loss if micro == sequences else loss * (len(part) / sequences)).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        return now(args) - start

    def fits():
        """One step, for its memory."""
        try:
            step()
        except torch.cuda.OutOfMemoryError:
            if micro == 1:
                raise
            return False
        return True

    while args.device == "cuda" and not fits():
        micro //= 2
        optimizer.zero_grad()
        torch.cuda.empty_cache()
    times = rounds(step, args)
    speeds = [sequences * tokens / seconds for seconds in times]
    work = f"train step, {sequences} x {tokens}{', recompute' if args.checkpointing else ''}"
    report("torch", args, [row(args.shape, work, "tokens/s", speeds)], **({"micro": micro} if micro < sequences else {}))


if __name__ == "__main__":
    main()
