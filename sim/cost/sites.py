"""Where pipeline stages run, and what they send each other: inside one kind of hardware, and from one to another."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.catalog import Model
from sim.cost.compute import Machine
from sim.cost.split import pipeline_send, tied_embedding_send
from sim.hardware.network import Communication, Network
from sim.parallel.plan import Plan
from sim.workload.layer import Slice

_NEIGHBOURS = 2
"""Stages that a send is between."""

Send = Callable[[Plan, Network, int], Communication]
"""(a pipeline, its network, how many stages further on) -> one send."""


@dataclass(frozen=True, slots=True)
class Site:
    """Hardware of one kind, and the consecutive stages of a pipeline that run on it.

    network: of its own devices: collectives of its stages, and sends between them.
    border: the same with room for two stages at least: what sends to and from other sites are reckoned on.
    """

    machine: Machine
    network: Network
    border: Network


def pipeline_sends(
    model: Model, part: Slice, plan: Plan, sites: Sequence[Site]
) -> tuple[tuple[Communication, ...], tuple[Communication, ...]]:
    """((S,) activations onwards, (S,) gradients back), by the stage that sends.

    The last stage sends on to the first, and the first back to the last, as interleaved chunks do.
    """
    stack, last = sites[0].machine.stack, plan.pipeline - 1
    between = _between(
        plan, sites, lambda pipeline, network, on: pipeline_send(model, part, pipeline, stack, network, stages=on)
    )
    onwards = [between(stage, stage + 1) for stage in range(last)]
    back = [between(stage, stage - 1) for stage in range(1, plan.pipeline)]
    return (*onwards, between(last, 0)), (between(0, last), *back)


def tied_embedding_sends(
    model: Model, plan: Plan, gradient_bytes: float, sites: Sequence[Site]
) -> tuple[Communication, Communication]:
    """The gradients of a shared embedding from the first stage to the last, and from the last to the first."""
    between = _between(
        plan,
        sites,
        lambda pipeline, network, on: tied_embedding_send(model, pipeline, gradient_bytes, network, stages=on),
    )
    last = plan.pipeline - 1
    return between(0, last), between(last, 0)


def _between(plan: Plan, sites: Sequence[Site], send: Send) -> Callable[[int, int], Communication]:
    """What one send from a stage to another costs.

    Inside a site it goes over the site's network. From one site to another it takes what the slower of the two would
    take between neighbouring stages of its own: how the two are joined is not modelled, so no links are shared.
    """
    part_of, parts = plan.stage_parts, plan.parts

    @functools.cache
    def cost(here: int, there: int, stages: int) -> Communication:
        if here == there:
            return send(dataclasses.replace(plan, pipeline=len(parts[here])), sites[here].network, stages)
        alone = [
            send(dataclasses.replace(plan, pipeline=max(_NEIGHBOURS, len(parts[end]))), sites[end].border, stages)
            for end in (here, there)
        ]
        return Communication(max(one.seconds for one in alone))

    def between(sender: int, receiver: int) -> Communication:
        here, there = part_of[sender], part_of[receiver]
        apart = receiver - sender
        return cost(here, there, apart if here == there else (1 if apart > 0 else -1))

    return between
