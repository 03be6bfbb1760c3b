"""One JSON case a line in, Math-Verify's verdict a line out. The first line out says version and settings.

A text without delimiters of its own is read between dollar signs, and as it stands where that gives nothing. Of the ways to call it
this had the most verdicts right: as it stands alone it reads no bare \\frac12, and taking any reading that matches accepts more wrong ones.
"""

import json
import logging
import resource
import sys
import time
from importlib.metadata import version

from math_verify import ExprExtractionConfig, LatexExtractionConfig, StringExtractionConfig, parse, verify

SECONDS = 5
MEMORY = 4 << 30
KINDS = [LatexExtractionConfig(), ExprExtractionConfig(), StringExtractionConfig()]


def read(text, bare):
    if bare and not any(mark in text for mark in ("$", "\\boxed", "\\(", "\\[")):
        answer = parse(f"${text}$", KINDS, parsing_timeout=SECONDS)
        if answer:
            return answer
    return parse(text, KINDS, parsing_timeout=SECONDS)


def grade(case):
    output = read(case["output"], case["pair"])
    return any(verify(read(reference, True), output, timeout_seconds=SECONDS) for reference in case["references"])


def main():
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    kinds = " + ".join(type(kind).__name__.removesuffix("ExtractionConfig") for kind in KINDS)
    versions = ", ".join(f"{name} {version(name)}" for name in ("math-verify", "latex2sympy2_extended", "sympy"))
    settings = f"{versions}; parse ({kinds}) and verify, {SECONDS} s each, references and bare answers between dollar signs first"
    print(json.dumps({"settings": settings}), flush=True)
    for line in sys.stdin:
        start = time.process_time()
        try:
            said = {"pass": bool(grade(json.loads(line)))}
        except Exception as error:  # noqa: BLE001
            said = {"pass": False, "failure": type(error).__name__}
        print(json.dumps({**said, "ms": 1000 * (time.process_time() - start)}), flush=True)


main()
