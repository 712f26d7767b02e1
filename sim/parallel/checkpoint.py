"""What a checkpoint holds."""

from __future__ import annotations

from sim.catalog import Model, Recipe, load_recipe
from sim.scenario.types import Training
from sim.workload.parameters import adapter_parameters, count_parameters, states_each


def checkpoint_bytes(model: Model, training: Training, recipe: Recipe | None = None) -> float:
    """Bytes to go on from: weights as products read them, master copy and moments of everything that is trained.

    recipe: that of the precision by default.
    Source: BLOOM's chronicles: bf16 weights and fp32 optimizer states, 2.3 TB for 176e9 parameters: 14 bytes each
    are 2.24 TiB. Weights that are frozen are in no checkpoint (Hu et al. 2021, sec. 4.2).
    Hand-worked: 1e9 parameters with Adam: (2 + 12) x 1e9 = 14 GB.
    """
    trained = count_parameters(model).total
    if training.lora is not None:
        trained = adapter_parameters(model, training.lora)
    formats = recipe or load_recipe(training.precision)
    states = formats.master.bytes + formats.moments.bytes * states_each(model, training)
    return trained * (formats.parameters.bytes + states)
