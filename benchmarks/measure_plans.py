"""Times training steps of a GPT on one GPU by micro-batch and recomputation. Needs PyTorch and a GPU; prints CSV.

What one device leaves to choose is how many sequences go through at once and whether layers are run again; the
planner's choice among those is held against these times by `benchmarks/measured_plans.py`.

The model is written plainly: layer norm, fused attention, GELU, learned positions, tied embeddings, biases; weights,
gradients and Adam's moments in fp32, products in bf16, loss in fp32; eager, or compiled layer by layer.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time

import torch
from torch import nn
from torch.nn import functional
from torch.utils.checkpoint import checkpoint

MODELS = {"cerebras-gpt-1.3b": (24, 2048, 16), "cerebras-gpt-2.7b": (32, 2560, 32)}
VOCABULARY, SEQUENCE, BATCH = 50257, 2048, 32
MICRO_BATCHES = (1, 2, 4, 8, 16, 32)
WARM_UP, TIMED = 1, 3


class Layer(nn.Module):
    """One transformer layer."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList([nn.LayerNorm(width), nn.LayerNorm(width)])
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        batch, length, width = x.shape
        q, k, v = self.qkv(self.norms[0](x)).view(batch, length, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        mixed = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(mixed.transpose(1, 2).reshape(batch, length, width))
        return x + self.down(functional.gelu(self.up(self.norms[1](x))))


class Gpt(nn.Module):
    """Embedding, layers and a head that shares the embedding's weights."""

    def __init__(self, layers: int, width: int, heads: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(VOCABULARY, width), nn.Embedding(SEQUENCE, width)
        self.layers = nn.ModuleList(Layer(width, heads) for _ in range(layers))
        self.norm = nn.LayerNorm(width)

    def forward(self, tokens: torch.Tensor, targets: torch.Tensor, again: bool) -> torch.Tensor:
        x = self.words(tokens) + self.places.weight[: tokens.shape[1]]
        for layer in self.layers:
            x = checkpoint(layer, x, use_reentrant=False) if again else layer(x)
        logits = functional.linear(self.norm(x), self.words.weight)
        return functional.cross_entropy(logits.float().view(-1, VOCABULARY), targets.view(-1))


def step_s(model: Gpt, optimizer: torch.optim.Optimizer, micro_batch: int, again: bool) -> float:
    """Seconds of one step over the whole batch, the median of some."""
    tokens = torch.randint(VOCABULARY, (BATCH, SEQUENCE), device="cuda")
    times = []
    for turn in range(WARM_UP + TIMED):
        torch.cuda.synchronize()
        start = time.perf_counter()
        for part in tokens.split(micro_batch):
            with torch.autocast("cuda", torch.bfloat16):
                loss = model(part, part, again)
            (loss * (micro_batch / BATCH)).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0, foreach=True)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
        torch.cuda.synchronize()
        if turn >= WARM_UP:
            times.append(time.perf_counter() - start)
    return sorted(times)[len(times) // 2]


def main() -> None:
    """Print a row for each model, micro-batch and recomputation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--compile", action="store_true", help="Compile each layer.")
    parser.add_argument("--models", nargs="+", default=list(MODELS), choices=list(MODELS))
    options = parser.parse_args()
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(["device", "torch", "compiled", "model", "sequence", "batch", "micro_batch", "recompute",
                   "step_time_s", "peak_allocated_GiB", "peak_reserved_GiB"])  # fmt: skip
    for name in options.models:
        torch.manual_seed(0)
        model = Gpt(*MODELS[name]).cuda()
        if options.compile:
            # A graph for each size of a micro-batch, none for sizes in general.
            torch._dynamo.config.automatic_dynamic_shapes = False
            torch._dynamo.config.recompile_limit = 64
            for layer in model.layers:
                layer.compile()
        optimizer = torch.optim.AdamW(model.parameters(), fused=True)
        for again in (False, True):
            for micro_batch in MICRO_BATCHES:
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
                try:
                    took_s = f"{step_s(model, optimizer, micro_batch, again):.5f}"
                except torch.cuda.OutOfMemoryError:
                    took_s = ""
                    optimizer.zero_grad(set_to_none=True)
                peaks = (torch.cuda.max_memory_allocated(), torch.cuda.max_memory_reserved())
                found = (took_s, *(f"{peak / 2**30:.3f}" for peak in peaks))
                made = (torch.cuda.get_device_name(), torch.__version__, options.compile)
                rows.writerow([*made, name, SEQUENCE, BATCH, micro_batch, "full" if again else "none", *found])
                sys.stdout.flush()
        del model, optimizer


if __name__ == "__main__":
    main()
