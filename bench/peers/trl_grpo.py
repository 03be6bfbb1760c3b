"""A GRPO step of TRL's GRPOTrainer, on Countdown from the sequential checkpoint of this repository.

Needs: pip install torch transformers trl datasets numpy
The same model, prompts a step, group and longest response as the step of bench/engine (--forms sequential); the reward is a
plain function. TRL also trains on groups whose rewards are all equal, ours leaves them out: see "groups that train" there.
    python bench/peers/trl_grpo.py --dtype bf16 --prompts 32 --group 8
--random: random weights of --shape, prompts of --prompt-tokens random ids, responses that run to --tokens (the end is one id of
the vocabulary), half of the ids rewarded; as the step of bundle/bench.mjs. float32 weights under bfloat16 autocast.
    python bench/peers/trl_grpo.py --device cuda --random --shape qwen3-0.6b --prompts 8 --group 8 --tokens 256 --micro 8
"""

import os
import pathlib
import random
import re
import sys
import tempfile
from fractions import Fraction

sys.dont_write_bytecode = True
from common import arguments, now, random_qwen3, report, row

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


def word_tokenizer(size):
    """A word an id, so that a prompt has as many tokens as it has words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({str(i): i for i in range(size)}, unk_token="0"))
    words.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="0", eos_token=str(size - 1), padding_side="left")


def random_prompts(count, tokens, size, seed=1):
    draw = random.Random(seed)
    return [{"prompt": " ".join(str(draw.randrange(1, size - 1)) for _ in range(tokens))} for _ in range(count)]


def main():
    args = arguments(
        __doc__,
        prompts={"type": int, "default": 32},
        group={"type": int, "default": 8},
        tokens={"type": int, "default": 264},
        random={"action": "store_true"},
        **{"prompt-tokens": {"type": int, "default": 128}},
        micro={"type": int, "help": "responses a forward; default: all"},
        checkpointing={"action": "store_true", "help": "recompute the activations of each layer"},
    )
    import torch
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, TrainerCallback
    from trl import GRPOConfig, GRPOTrainer

    class Clock(TrainerCallback):
        def __init__(self):
            self.times, self.lengths = [], []

        def on_step_begin(self, *_, **__):
            self.start = now(args)

        def on_step_end(self, *_, **__):
            self.times.append(now(args) - self.start)

        def on_log(self, _, state, control, logs=None, **__):
            if logs and "completions/mean_length" in logs:
                self.lengths.append(logs["completions/mean_length"])

    if args.random:
        model = random_qwen3(args.shape, torch.float32, device=args.device)
        size = model.config.vocab_size
        tokenizer = word_tokenizer(size)
        rows = random_prompts(args.prompts * (args.rounds + 1), args.prompt_tokens, size)
    else:
        tokenizer = PreTrainedTokenizerFast.from_pretrained(CHECKPOINT, padding_side="left")
        model = AutoModelForCausalLM.from_pretrained(CHECKPOINT, dtype=torch.float32)
        rows = problems(2000)
    clock = Clock()

    def solved(completions, numbers, target, **_):
        return [1.0 if correct(*one) else 0.0 for one in zip(completions, numbers, target)]

    def even(completion_ids, **_):
        return [sum(i % 2 == 0 for i in ids) / max(1, len(ids)) for ids in completion_ids]

    responses = args.prompts * args.group
    micro = args.micro or responses

    with tempfile.TemporaryDirectory() as folder:
        config = GRPOConfig(
            output_dir=folder,
            use_cpu=args.device == "cpu",
            bf16=args.dtype == "bf16",
            per_device_train_batch_size=micro,
            gradient_accumulation_steps=responses // micro,
            gradient_checkpointing=args.checkpointing,
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
            **({"optim": "adamw_torch_fused"} if args.device == "cuda" else {}),
        )
        trainer = GRPOTrainer(
            model=model,
            reward_funcs=even if args.random else solved,
            args=config,
            train_dataset=Dataset.from_list(rows),
            processing_class=tokenizer,
            callbacks=[clock],
        )
        trainer.train()
    shape, work = "countdown", f"GRPO step, sequential, {args.prompts} x {args.group}"
    if args.random:
        shape, work = args.shape, f"GRPO step, {args.prompts} x {args.group}, {args.prompt_tokens} + {args.tokens}"
    results = [row(shape, work, "s", clock.times[1:]), row(shape, f"{work}: tokens a response", "tokens", clock.lengths[1:])]
    report("trl", args, results)


if __name__ == "__main__":
    main()
