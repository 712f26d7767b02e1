"""What communication costs: groups, the messages of each algorithm, their loads on links, and the library's choice."""

from sim.hardware.network.algorithms import COLLECTIVES, Collective
from sim.hardware.network.communication import (
    NOTHING,
    Communicates,
    Communication,
    Option,
    Values,
    Wave,
    bus_share,
    host_copy,
)
from sim.hardware.network.groups import Devices, Group, first_of, lattice
from sim.hardware.network.network import FreeNetwork, Network
from sim.hardware.network.table import NetworkTable

__all__ = [
    "COLLECTIVES",
    "NOTHING",
    "Collective",
    "Communicates",
    "Communication",
    "Devices",
    "FreeNetwork",
    "Group",
    "Network",
    "NetworkTable",
    "Option",
    "Values",
    "Wave",
    "bus_share",
    "first_of",
    "host_copy",
    "lattice",
]
