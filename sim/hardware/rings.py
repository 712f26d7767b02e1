"""Who sends to whom: communication groups, the rings they form, and how many rings run side by side.

Pure arithmetic on device numbers; device d lies in scale-up domain d // domain.
"""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import InputError


@dataclass(frozen=True, slots=True)
class Group:
    """The shape of a communication group: devices base + i * stride for i < ranks.

    Groups of one shape tile the cluster: bases run through 0 .. stride - 1 of every ranks * stride devices.
    All of them communicate at once: one wave.
    """

    ranks: int
    stride: int = 1

    def __post_init__(self) -> None:
        if self.ranks < 1 or self.stride < 1:
            raise InputError(
                "communication group", f"ranks {self.ranks}, stride {self.stride}", "both must be at least 1"
            )

    @property
    def block(self) -> int:
        """Devices that the groups with neighbouring bases cover together."""
        return self.ranks * self.stride


def spanned_domains(group: Group, domain: int) -> int:
    """Scale-up domains that a group with base 0 spans."""
    return group.ranks if group.stride >= domain else (group.ranks - 1) * group.stride // domain + 1


def parallel_rings(group: Group, domain: int) -> int:
    """Rings that run side by side: one per member in a domain when the group spans several, else one.

    Each leaves a domain through another member's network card and carries its share of the bytes.
    """
    return 1 if spanned_domains(group, domain) == 1 else max(1, min(group.ranks, domain // group.stride))


def split_by_domain(group: Group, domain: int) -> tuple[Group, Group] | None:
    """(groups inside the domains, groups across them); None where the group does not divide evenly."""
    inner = domain // group.stride
    if inner < 2 or domain % group.stride or group.block <= domain or group.ranks % inner:
        return None
    return Group(inner, group.stride), Group(group.ranks // inner, domain)


@dataclass(frozen=True, slots=True)
class Ring:
    """The rings of one group: ring c enters a domain at its c-th member and goes once around the members.

    It leaves through the member before the c-th and enters the next domain at the c-th again. Routes change
    rails inside the node, so a ring keeps to one rail, as NCCL arranges its channels.
    """

    group: Group
    base: int
    domain: int

    def device(self, rank: int) -> int:
        """The device of a rank."""
        return self.base + rank * self.group.stride

    def run(self, rank: int) -> tuple[int, int]:
        """(first rank, count) of the ranks in the same domain as this one."""
        stride = self.group.stride
        start = self.device(rank) // self.domain * self.domain
        first = max(0, -((self.base - start) // stride))
        last = min(self.group.ranks - 1, (start + self.domain - 1 - self.base) // stride)
        return first, last - first + 1

    def exit_rank(self, rank: int, channel: int) -> int:
        """The rank through which a ring leaves the domain of this rank."""
        first, count = self.run(rank)
        return first + (channel + count - 1) % count

    def follower(self, rank: int, channel: int) -> int:
        """The rank that follows on this ring."""
        first, count = self.run(rank)
        if count == self.group.ranks or rank != first + (channel + count - 1) % count:
            return first + (rank - first + 1) % count
        entry, width = self.run((first + count) % self.group.ranks)
        return entry + channel % width


def ring_of(device: int, group: Group, domain: int) -> tuple[Ring, int]:
    """The ring that a device belongs to, and its rank on it."""
    start = device // group.block * group.block
    offset = device - start
    return Ring(group, start + offset % group.stride, domain), offset // group.stride
