"""What was found of a collective, as plain data."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from sim import __version__
from sim.hardware.network.study import Study

COLLECTIVE_SCHEMA = 1


def collective_document(study: Study) -> dict[str, Any]:
    """Everything that was found as plain data that JSON can hold, in a fixed order."""
    topology, group = study.topology, study.group
    chosen = study.fastest(study.size_bytes)
    busiest = study.busiest(chosen)
    return {
        "schema": COLLECTIVE_SCHEMA,
        "scaletax": __version__,
        "collective": study.title,
        "size_bytes": study.size_bytes,
        "ranks": group.ranks,
        "stride": group.stride,
        "groups": study.groups,
        "alone": study.alone,
        "held_to_algorithm": study.algorithm or None,
        "topology": {
            "name": topology.name,
            "title": topology.title,
            "device": topology.device,
            "devices": topology.devices,
            "domain": topology.domain,
        },
        "library": topology.about.library.name,
        "bus_share": study.bus_share,
        "chosen": asdict(study.row(chosen, study.size_bytes)),
        "busiest_link": {
            "class": busiest.link_class,
            "ends": list(busiest.ends) if busiest.ends else None,
            "links_as_busy": busiest.alike,
            "bytes_per_s": busiest.bytes_per_s,
            "busy_s": busiest.s_per_byte * study.size_bytes,
            "switch_busy_s": busiest.switch_s_per_byte * study.size_bytes,
        },
        "options": [asdict(study.row(option, study.size_bytes)) for option in study.options],
        "sizes": [asdict(study.row(study.fastest(size), size)) for size in study.sizes_bytes],
    }
