"""The lines of the account: names, groups, and the words that explain them."""

from __future__ import annotations

GROUPS: dict[str, dict[str, str]] = {
    "compute": {
        "useful": "model FLOPs at the device's peak",
        "kernel_loss": "kernels below peak, as they would be unsplit",
        "recompute": "activations computed a second time to save memory",
    },
    "split": {
        "sharding_loss": "kernels made smaller by splitting",
        "tensor_comm": "tensor-parallel communication, exposed",
        "context_comm": "context-parallel communication, exposed",
        "expert_comm": "expert-parallel communication, exposed",
        "pipeline_comm": "sends between pipeline stages, exposed",
        "data_comm": "gradients and parameters over the replicas, exposed or slowing compute",
        "bubble": "pipeline stages waiting for work",
        "imbalance": "stages or replicas with less work waiting for those with more",
        "straggler_wait": "waiting that would not be there if all devices were alike",
        "stranded": "devices that the plan cannot use",
    },
    "memory": {
        "weight_streaming": "waiting for weights to stream in, or gradients out",
        "offload": "waiting for host memory",
    },
    "other": {
        "optimizer": "the optimizer's own step",
        "input": "data loading and host work once a step",
        "launch": "gaps between kernels, host-bound launches",
    },
    "run": {
        "checkpoint": "waiting while checkpoints are written",
        "evaluation": "evaluating the model between steps",
        "lost_work": "work done again after a failure",
        "restart": "noticing failures, replacing nodes and starting again",
        "maintenance": "planned interruptions",
        "warm_up": "compiling and loading before the first step",
    },
}
LINES: tuple[str, ...] = tuple(line for group in GROUPS.values() for line in group)
SPLIT_LINES: tuple[str, ...] = tuple(GROUPS["split"])
EXCHANGES_IN_PASSES = ("tensor_comm", "context_comm", "expert_comm")
"""Lines of communication that lies between the kernels of a pass."""
_TITLES = {"stranded": "idle devices", "sharding_loss": "small kernels"}


def line_title(line: str) -> str:
    """A line as charts and screens call it: "data comm", "small kernels"."""
    return _TITLES.get(line, line.replace("_", " "))
