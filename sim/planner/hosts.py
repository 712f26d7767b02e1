"""Whether what a plan leaves in the memory of hosts is there to be left, and fits."""

from __future__ import annotations

from collections.abc import Sequence

from sim.cost.compute import Machine
from sim.errors import DoesNotFit, InputError
from sim.outcome.outcome import HostMemory
from sim.page.numbers import gibibytes
from sim.parallel.memory import host_bytes
from sim.parallel.offload import offloads
from sim.parallel.plan import Plan
from sim.scenario.types import Scenario


def fullest_host(scenario: Scenario, plan: Plan, machines: Sequence[Machine]) -> HostMemory | None:
    """The host that is filled most, where all its devices are of one stage; None where nothing is offloaded.

    machines: of each part of the plan, which have hosts.
    """
    if not offloads(plan):
        return None
    model, training, stack, style = scenario.model, scenario.training, machines[0].stack, machines[0].style
    found = []
    for stage, part in enumerate(plan.stage_parts):
        share = machines[part].host
        if share is not None:
            each = float(host_bytes(model, training, plan, stack, style, stage))
            found.append(HostMemory(share.host.title, share.devices * each, share.host.dram_bytes))
    return max(found, key=lambda one: one.held_bytes / one.capacity_bytes, default=None)


def check_hosts(scenario: Scenario, plan: Plan, machines: Sequence[Machine], *, has_run: bool = False) -> None:
    """Hold what a plan offloads to the hosts that its devices have.

    machines: of each part of the plan. has_run: the plan is known to; its memory is not held to the hosts'.
    Raises InputError where there is no host, DoesNotFit where its memory is too small.
    """
    where = f"{scenario.where}.plan {'offload_layers' if plan.offload_layers else 'optimizer_offload'}"
    for machine in machines:
        if offloads(plan) and machine.host is None:
            raise InputError(
                where,
                f"nothing is known of the host of the {machine.gpu.title}",
                'name one in the topology file, such as host = "x86-2s" (scaletax list hosts), or offload nothing',
            )
    held = fullest_host(scenario, plan, machines)
    if held is not None and not has_run and held.held_bytes > held.capacity_bytes:
        raise DoesNotFit(
            where,
            f"the devices of a host leave {gibibytes(held.held_bytes)} in the {gibibytes(held.capacity_bytes)} of its"
            f" memory ({held.title})",
            "offload less, use more devices, or name a host with more memory in the topology file",
        )
