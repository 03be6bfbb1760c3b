"""Sampling with transformers' generate(), random weights, from prompts of 64 tokens.

Needs: pip install torch transformers numpy
Timed from the first generated token to the last, as in bench/engine: the prompt is left out.
    python bench/peers/transformers_generate.py --shape tiny --dtype bf16 --batches 1,32
"""

import sys

sys.dont_write_bytecode = True
from common import SHAPES, arguments, now, random_qwen3, report, rounds, row

PROMPT = 64


def main():
    args = arguments(__doc__, batches={"default": "1,32"})
    import torch
    from transformers import StoppingCriteria, StoppingCriteriaList

    class Clock(StoppingCriteria):
        """Called after every token."""

        def __init__(self):
            self.times = []

        def __call__(self, input_ids, scores, **kwargs):
            self.times.append(now(args))
            return torch.zeros(input_ids.shape[0], dtype=torch.bool, device=input_ids.device)

    n = SHAPES[args.shape]["decodeTokens"]
    model = random_qwen3(args.shape, torch.bfloat16 if args.dtype == "bf16" else torch.float32, device=args.device).eval()
    results = []
    for size in map(int, args.batches.split(",")):
        ids = (torch.arange(PROMPT, device=args.device) * 7919 % model.config.vocab_size).expand(size, PROMPT)

        def run():
            clock = Clock()
            with torch.inference_mode():
                model.generate(
                    input_ids=ids,
                    attention_mask=torch.ones_like(ids),
                    do_sample=True,
                    temperature=1.0,
                    top_k=0,
                    max_new_tokens=n + 1,
                    stopping_criteria=StoppingCriteriaList([clock]),
                )
            assert len(clock.times) == n + 1
            return size * n / (clock.times[-1] - clock.times[0])

        results.append(row(args.shape, f"decode, batch {size}, {PROMPT} to {PROMPT + n}", "tokens/s", rounds(run, args)))
    report("transformers", args, results)


if __name__ == "__main__":
    main()
