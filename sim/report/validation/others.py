"""Comparisons with what is not the time of a training step: collectives, operators, and the spread of step times."""

from __future__ import annotations


def other_comparisons(*, collectives: bool, operators: bool, spread: bool) -> str:
    """The tables that were asked for, as text."""
    found: list[str] = []
    if collectives:
        from sim.validation.collectives import collectives_table, compare_collectives

        found.append(collectives_table(compare_collectives()))
    if operators:
        from sim.validation.operators import compare_operators, operators_table

        found.append(operators_table(compare_operators()))
    if spread:
        from sim.validation.slow_node import compare_slow_node, read_slow_nodes, slow_node_summary
        from sim.validation.spread_comparison import compare_spread, spread_table

        found.append(spread_table(compare_spread()))
        found += [slow_node_summary(compare_slow_node(measured)) for measured in read_slow_nodes()]
    return "\n\n".join(found)
