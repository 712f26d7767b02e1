"""Where pipeline stages run, and what they send each other: inside one kind of hardware, and from one to another."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sim.catalog import Model
from sim.cost.compute import Machine
from sim.cost.split import gradient_send, pipeline_send, shared_gradient_bytes
from sim.hardware.network import NOTHING, Communication, Network
from sim.parallel.plan import Plan
from sim.workload.operations import Slice

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
    """((C,) activations out of each chunk to the next, (C,) gradients out of each to the one before), of all copies.

    Nothing where there is no such chunk, or it lies on the same stage.
    """
    stack = sites[0].machine.stack
    between = _between(
        plan, sites, lambda pipeline, network, on: pipeline_send(model, part, pipeline, stack, network, stages=on)
    )
    stage_of = [plan.stage_of(chunk) for chunk in range(plan.pipelining.copies * plan.chunks)]
    ends = [chunk % plan.chunks for chunk in range(len(stage_of))]
    onwards = (
        between(stage, stage_of[chunk + 1]) if ends[chunk] < plan.chunks - 1 else NOTHING
        for chunk, stage in enumerate(stage_of)
    )
    back = (between(stage, stage_of[chunk - 1]) if ends[chunk] else NOTHING for chunk, stage in enumerate(stage_of))
    return tuple(onwards), tuple(back)


def shared_gradients(
    model: Model, plan: Plan, gradient_bytes: float, stage_bytes: Sequence[float], sites: Sequence[Site]
) -> tuple[Communication, ...]:
    """(S,) what each stage sends to the one that holds the same parameters, so that their gradients become one.

    gradient_bytes: of one gradient. stage_bytes: (S,) of all gradients of a stage. The holders are the mirrored stages
    with two copies of the model; else first and last stage, of a tied embedding.
    """
    sent: list[Communication] = [NOTHING] * plan.pipeline
    last = plan.pipeline - 1

    def send_of(size: float) -> Send:
        return lambda pipeline, network, on: gradient_send(size, pipeline, network, stages=on)

    for stage in range(plan.pipeline) if plan.pipelining.copies > 1 else dict.fromkeys((0, last)):
        send = send_of(float(shared_gradient_bytes(model, plan, gradient_bytes, stage_bytes[stage])))
        sent[stage] = _between(plan, sites, send)(stage, last - stage)
    return tuple(sent)


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
        if sender == receiver:
            return NOTHING
        here, there = part_of[sender], part_of[receiver]
        apart = receiver - sender
        return cost(here, there, apart if here == there else (1 if apart > 0 else -1))

    return between
