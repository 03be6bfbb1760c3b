"""Writes quantized.json: numbers and what Python's gguf (pip install gguf, 0.19.0) makes of them. Run: python3 make_quantized.py"""

import base64
import json
from pathlib import Path

import numpy as np
from gguf import GGMLQuantizationType as T
from gguf.quants import quantize

random = np.random.default_rng(18)
blocks = [random.standard_normal(32) * scale for scale in (0.02, 1, 3e4, 1e-6, 3e-8)]
blocks += [np.zeros(32), np.full(32, -0.0), np.full(32, 0.75), -np.arange(32) / 8]
# Halves: 127 and its parts make products that end in .5.
blocks += [np.concatenate([[127], np.arange(31) - 15.5]), np.concatenate([[-127], np.arange(31) + 0.5])]
blocks += [np.concatenate([[-8, 8], np.arange(30) / 2 - 7.5])]
# float16: ties, the largest number, subnormals and their ties.
halves = [1 + 2**-11, 1 + 3 * 2**-11, 65504, -65519, 2**-14, 2**-24, 2**-25, 1.5 * 2**-25, 3 * 2**-25, 5 * 2**-26, -(2**-24) * 1023.5, 0.1]
blocks += [np.resize(halves, 32)]
values = np.concatenate(blocks).astype(np.float32)


def text(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


names = ("F16", "BF16", "Q8_0", "Q4_0")
out = {"values": text(values), **{name: text(quantize(values, T[name])) for name in names}}
Path(__file__).with_name("quantized.json").write_text(json.dumps(out, indent=1) + "\n")
