"""A GRPO step of TRL's GRPOTrainer on the CPU, on Countdown from the sequential checkpoint of this repository.

Needs: pip install torch transformers trl datasets numpy
The same model, prompts a step, group and longest response as the step of bench/engine (--forms sequential); the reward is a
plain function. TRL also trains on groups whose rewards are all equal, ours leaves them out: see "groups that train" there.
    python bench/peers/trl_grpo.py --dtype bf16 --prompts 32 --group 8
"""

import os
import pathlib
import random
import re
import sys
import tempfile
import time
from fractions import Fraction

sys.dont_write_bytecode = True
from common import arguments, report, row

os.environ.setdefault("HF_HUB_OFFLINE", "1")
CHECKPOINT = pathlib.Path(__file__).parents[2] / "suites" / "countdown" / "checkpoints" / "sequential"
STEP = re.compile(r"(\d+) ([-+*/]) (\d+) = (\d+)")
OPERATIONS = {"+": lambda a, b: a + b, "-": lambda a, b: a - b, "*": lambda a, b: a * b, "/": lambda a, b: a / b if b else None}


def problems(count, seed=1):
    """Numbers from 1 to 20, three or four; a target from 10 to 99 that a random descent reaches."""
    draw = random.Random(seed)
    rows = []
    while len(rows) < count:
        numbers = [draw.randint(1, 20) for _ in range(3 + len(rows) % 2)]
        left = [Fraction(n) for n in numbers]
        while len(left) > 1:
            a, b = (left.pop(draw.randrange(len(left))) for _ in range(2))
            result = OPERATIONS[draw.choice("+-*/")](a, b)
            if result is None or result.denominator > 1 or not 1 <= result <= 99:
                break
            left.append(result)
        if len(left) == 1 and 10 <= left[0] <= 99:
            target = int(left[0])
            prompt = f"Use {', '.join(map(str, numbers))} once each with + - * / to make {target}."
            rows.append({"prompt": prompt, "numbers": numbers, "target": target})
    return rows


def correct(text, numbers, target):
    """Whether the steps after the last "Final Answer:" use every number once and end at the target."""
    left = list(numbers)
    for part in text.rpartition("Final Answer:")[2].strip().split(", "):
        step = STEP.fullmatch(part)
        if not step:
            return False
        a, b, c = (int(step[i]) for i in (1, 3, 4))
        if a not in left:
            return False
        left.remove(a)
        if b not in left or OPERATIONS[step[2]](Fraction(a), Fraction(b)) != c:
            return False
        left.remove(b)
        left.append(c)
    return left == [target]


def main():
    args = arguments(
        __doc__, prompts={"type": int, "default": 32}, group={"type": int, "default": 8}, tokens={"type": int, "default": 264}
    )
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Clock(TrainerCallback):
        def __init__(self):
            self.times, self.lengths = [], []

        def on_step_begin(self, *_, **__):
            self.start = time.perf_counter()

        def on_step_end(self, *_, **__):
            self.times.append(time.perf_counter() - self.start)

        def on_log(self, _, state, control, logs=None, **__):
            if logs and "completions/mean_length" in logs:
                self.lengths.append(logs["completions/mean_length"])

    tokenizer = PreTrainedTokenizerFast.from_pretrained(CHECKPOINT, padding_side="left")
    model = AutoModelForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32)
    clock = Clock()

    def reward(completions, numbers, target, **_):
        return [1.0 if correct(*one) else 0.0 for one in zip(completions, numbers, target)]

    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            use_cpu=True,
            bf16=args.dtype == "bf16",
            per_device_train_batch_size=args.prompts * args.group,
            gradient_accumulation_steps=1,
            gradient_checkpointing=False,
            num_generations=args.group,
            max_completion_length=args.tokens,
            temperature=1.0,
            top_k=0,
            beta=0.0,
            epsilon=0.2,
            epsilon_high=0.28,
            learning_rate=8e-5,
            lr_scheduler_type="constant",
            weight_decay=0.0,
            max_grad_norm=1.0,
            max_steps=args.rounds + 1,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
            seed=1,
        )
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=reward,
            args=config,
            train_dataset=Dataset.from_list(problems(2000)),
            processing_class=tokenizer,
            callbacks=[clock],
        )
        trainer.train()
    work = f"GRPO step, sequential, {args.prompts} x {args.group}"
    results = [row("countdown", work, "s", clock.times[1:]), row("countdown", f"{work}: tokens a response", "tokens", clock.lengths[1:])]
    report("trl", args, results)


if __name__ == "__main__":
    main()
