"""Two steps of TRL's GRPOTrainer whose reward is a suite's, graded by pr1-serve. Prints what was asked and what came, as JSON."""

import json
import os
import sys
import urllib.request

from datasets import Dataset
from transformers import AutoModelForCausalLM, AutoTokenizer
from trl import GRPOConfig, GRPOTrainer

url, suite, checkpoint, output = sys.argv[1:]


def ask(path, body=None):
    headers = {"authorization": f"Bearer {os.environ['PR1_SERVE_KEY']}", "content-type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=120) as answer:
        return json.load(answer)


calls = []


def remote_reward(completions, row, **_):
    items = [{"row": number, "response": text} for number, text in zip(row, completions)]
    rewards = [one["reward"] for one in ask("/v1/score", {"suite": suite, "items": items})["data"]]
    calls.append({"items": items, "rewards": rewards})
    return rewards


rows = ask(f"/v1/suites/{suite}/rows")["data"]
tokenizer = AutoTokenizer.from_pretrained(checkpoint)
tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token
model = AutoModelForCausalLM.from_pretrained(checkpoint)
before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
trainer = GRPOTrainer(
    model=model,
    reward_funcs=remote_reward,
    args=GRPOConfig(
        output_dir=output,
        max_steps=2,
        per_device_train_batch_size=8,
        num_generations=4,
        max_completion_length=16,
        learning_rate=1e-3,
        logging_steps=1,
        save_strategy="no",
        report_to=[],
        use_cpu=True,
        bf16=False,
        disable_tqdm=True,
    ),
    train_dataset=Dataset.from_list(rows),
    processing_class=tokenizer,
)
trainer.train()
moved = any((weight != before[name]).any().item() for name, weight in model.named_parameters())
logged = [entry["reward"] for entry in trainer.state.log_history if "reward" in entry]
print("RESULT " + json.dumps({"calls": calls, "logged": logged, "moved": moved}))
