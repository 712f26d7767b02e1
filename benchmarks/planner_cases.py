"""Clusters small enough to simulate every legal plan that fits: what the search is held against.

Models, stacks, networks and batches of every kind that the catalogue has, tight and roomy, even and awkward.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sim.scenario import Scenario, scenario_from


@dataclass(frozen=True)
class Case:
    """A model on a few devices."""

    model: str
    topology: str
    devices: int
    stack: str
    batch: int
    sequence: int = 2048

    @property
    def name(self) -> str:
        """In a few words."""
        return f"{self.model} on {self.devices} x {self.topology}, {self.stack}, batch {self.batch}"

    def scenario(self) -> Scenario:
        """The scenario of the case, its plan left to the search."""
        precision = "fp16" if "v100" in self.topology or "ethernet" in self.topology else "bf16"
        return scenario_from(
            {
                "schema": 1,
                "model": {"name": self.model},
                "training": {
                    "tokens": 1e9,
                    "sequence": self.sequence,
                    "global_batch": f"{self.batch} sequences",
                    "precision": precision,
                },
                "system": [{"name": "case", "topology": self.topology, "devices": self.devices, "stack": self.stack}],
            },
            Path("case.toml"),
        )


CASES = (
    Case("cerebras-gpt-1.3b", "dgx-a100-superpod", 8, "megatron-2022", 32),
    Case("cerebras-gpt-2.7b", "dgx-a100-superpod", 16, "megatron-2022", 32),
    Case("cerebras-gpt-6.7b", "dgx-a100-superpod", 16, "megatron-2022", 48),
    Case("cerebras-gpt-13b", "dgx-a100-superpod", 16, "megatron-2022", 16),
    Case("cerebras-gpt-13b", "dgx-a100-superpod", 32, "megatron-2022", 64),
    Case("megatron-7.5b", "dgx-a100-superpod", 24, "megatron-2022", 24),
    Case("megatron-18b", "dgx-a100-superpod", 32, "megatron-2021", 32),
    Case("megatron-7.5b", "dgx-a100-superpod", 16, "megatron-2021", 32),
    Case("megatron-3.6b", "dgx-a100-superpod", 8, "megatron-2020", 16),
    Case("llama-7b", "dgx-a100-superpod", 8, "megatron-core-2024", 16),
    Case("llama-13b", "dgx-a100-superpod", 16, "megatron-core-2024", 24),
    Case("llama-2-7b", "dgx-h100-superpod", 16, "megatron-core-2024", 32, 4096),
    Case("llama-2-13b", "dgx-h100-superpod", 12, "megatron-core-2024", 24, 4096),
    Case("llama-3-8b", "dgx-h100-superpod", 16, "megatron-core-2024", 16, 8192),
    Case("llama-3-8b", "dgx-h100-superpod", 20, "megatron-core-2025", 32, 4096),
    Case("gpt-neox-20b", "dgx-a100-superpod", 24, "gpt-neox-2022", 48),
    Case("gpt-j-6b", "a100-cloud-800gbps", 16, "gpt-neox-2023", 32),
    Case("pythia-12b", "a100-cloud-1600gbps", 16, "gpt-neox-2022", 32),
    Case("cerebras-gpt-6.7b", "leaf-spine", 16, "nemo-2022", 32),
    Case("mpt-7b", "jean-zay", 16, "bigscience-2022", 32),
    Case("cerebras-gpt-2.7b", "ethernet-100gbps", 16, "megatron-2020", 32),
    Case("cerebras-gpt-1.3b", "ethernet-100gbps", 8, "megatron-2021", 16),
    Case("cerebras-gpt-6.7b", "torus-2d", 16, "megatron-2022", 16),
    Case("llama-7b", "megascale-a100", 16, "megascale-2024", 32),
    Case("llama-13b", "gb200-nvl72", 12, "megatron-core-2024", 24),
    Case("mpt-7b", "a100-cloud-1600gbps", 24, "fsdp-2023", 96),
    Case("mpt-13b", "a100-cloud-800gbps", 32, "fsdp-2023", 128),
    Case("llama-2-7b", "dgx-h100-superpod", 16, "torchtitan-2024", 64, 4096),
    Case("llama-3-8b", "dgx-h100-superpod", 24, "torchtitan-2024-eager", 96, 8192),
    Case("mpt-3b", "a100-cloud-1600gbps", 8, "fsdp-2023-pure", 64),
    Case("mpt-7b", "a100-40gb-cloud-1600gbps", 16, "fsdp-2022-12", 64),
    Case("gpt-j-6b", "dragonfly", 16, "deepspeed-zero3-2021", 64),
    Case("cerebras-gpt-13b", "dgx-a100-superpod", 20, "megatron-2022", 40),
    Case("megatron-7.5b", "dgx-h100-superpod", 28, "nemo-2022", 30),
)
