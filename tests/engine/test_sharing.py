"""Max-min fairness against linear programs and its own definition, and which links are contested."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from sim.engine.sharing import SharedLinks, Usage, max_min_rates
from sim.errors import ScaletaxError


@st.composite
def networks(draw):
    """Capacity, uses and limits; every flow is limited by something. Round numbers make ties likely."""
    links, flows = draw(st.integers(1, 5)), draw(st.integers(1, 6))
    amount = st.sampled_from([0.0, 0.0, 0.5, 1.0, 1.0, 2.0]) | st.floats(0.05, 3.0)
    uses = np.array(draw(st.lists(amount, min_size=links * flows, max_size=links * flows))).reshape(links, flows)
    capacity = np.array(draw(st.lists(st.sampled_from([1.0, 2.0]) | st.floats(0.1, 9), min_size=links, max_size=links)))
    limit = st.sampled_from([np.inf, np.inf, 0.5, 1.0]) | st.floats(0.05, 5.0)
    limits = np.array(draw(st.lists(limit, min_size=flows, max_size=flows)))
    limits[(uses == 0).all(axis=0) & np.isinf(limits)] = 1.0
    return capacity, uses, limits


def lexicographic(capacity, uses, limits):
    """Max-min fair rates by linear programs: raise the lowest, fix whoever cannot go beyond it, and again."""
    flows = uses.shape[1]
    fixed = {}
    while len(fixed) < flows:
        free = [flow for flow in range(flows) if flow not in fixed]
        level = best(capacity, uses, limits, fixed, free, 0.0, None)
        stuck = [one for one in free if best(capacity, uses, limits, fixed, free, level, one) <= level + 1e-7]
        assert stuck
        fixed |= dict.fromkeys(stuck, level)
    return np.array([fixed[flow] for flow in range(flows)])


def best(capacity, uses, limits, fixed, free, floor, chosen):
    """Highest rate of one flow while all free ones have the floor; without a choice, the highest floor of all."""
    flows = uses.shape[1]
    # Unknowns: the rates and a common floor; a free flow is not below it: floor - rate <= 0.
    rows = [[*row, 0.0] for row in uses]
    for flow in free:
        rows.append([*-np.eye(flows)[flow], 1.0])
    # Tolerated, because the linear programs are solved to 1e-9 only.
    bounds = [(fixed[f] * (1 - 1e-9), fixed[f]) if f in fixed else (0, limits[f]) for f in range(flows)]
    bounds.append((0, None) if chosen is None else (0, floor * (1 - 1e-9)))
    for flow in free if chosen is not None else ():
        bounds[flow] = (min(floor * (1 - 1e-9), limits[flow]), limits[flow])
    aim = np.zeros(flows + 1)
    aim[flows if chosen is None else chosen] = -1.0
    found = linprog(aim, rows, [*capacity, *np.zeros(len(free))], bounds=bounds, method="highs")
    assert found.status == 0, found.message
    return -found.fun


@pytest.mark.slow
@given(networks())
@settings(max_examples=200, deadline=None)
def test_rates_are_those_of_linear_programs(network):
    assert max_min_rates(*network) == pytest.approx(lexicographic(*network), rel=1e-5)


@pytest.mark.slow
@given(networks())
@settings(max_examples=300, deadline=None)
def test_no_link_is_over_capacity_and_every_flow_has_a_bottleneck(network):
    # A bottleneck: its own limit, or a full link on which nobody is faster. No other rates have both properties.
    capacity, uses, limits = network
    rates = max_min_rates(*network)
    load = uses @ rates
    assert (load <= capacity * (1 + 1e-12)).all()
    assert (rates <= limits).all()
    for flow, rate in enumerate(rates):
        full = (uses[:, flow] > 0) & (load >= capacity * (1 - 1e-12))
        fastest = [rates[uses[link] > 0].max() for link in np.flatnonzero(full)]
        assert rate == limits[flow] or any(rate >= other * (1 - 1e-12) for other in fastest)


@given(networks(), st.randoms(use_true_random=False))
def test_the_order_of_flows_and_links_does_not_matter(network, random):
    capacity, uses, limits = network
    links, flows = list(range(len(capacity))), list(range(len(limits)))
    random.shuffle(links)
    random.shuffle(flows)
    shuffled = max_min_rates(capacity[links], uses[links][:, flows], limits[flows])
    assert shuffled == pytest.approx(max_min_rates(*network)[flows], rel=1e-12)


def test_the_textbook_example():
    # Flow 0 crosses both links, 1 only the first, 2 only the second, which has twice the rate.
    uses = [[1, 1, 0], [1, 0, 1]]
    assert max_min_rates([1.0, 2.0], uses).tolist() == [0.5, 0.5, 1.5]
    # Limited to 0.2, flow 0 leaves more to the others.
    assert max_min_rates([1.0, 2.0], uses, [0.2, 9.0, 9.0]).tolist() == [0.2, 0.8, 1.8]
    # Flow 1 sends every byte twice over the first link.
    assert max_min_rates([1.0, 2.0], [[1, 2, 0], [1, 0, 1]]) == pytest.approx([1 / 3, 1 / 3, 5 / 3], rel=1e-15)


def test_what_nothing_limits_is_refused():
    with pytest.raises(ScaletaxError, match=r"nothing limits the rate of flows \[1\]"):
        max_min_rates([1.0], [[1.0, 0.0]])
    assert max_min_rates([1.0], [[1.0, 0.0]], [np.inf, 4.0]).tolist() == [1.0, 4.0]
    assert max_min_rates(np.zeros(0), np.zeros((0, 2)), [3.0, 4.0]).tolist() == [3.0, 4.0]
    assert len(max_min_rates([1.0], np.zeros((1, 0)))) == 0


def usage(shares, member=1e9):
    """Link -> share."""
    return Usage(np.array(list(shares), np.int64), np.array(list(shares.values()), float), member)


def test_contested_is_what_all_waves_together_would_overload():
    links = SharedLinks({
        "a": usage({0: 0.6, 1: 1.0}), "b": usage({0: 0.6, 2: 0.5}), "c": usage({2: 0.5}), "d": usage({3: 1.0}),
        "e": usage({}),
    })  # fmt: skip
    assert [links.contested(wave) for wave in "abcde"] == [True, True, False, False, False]
    assert not links.contested("never heard of")
    assert links.paces("abcde") == pytest.approx({"a": 1 / 1.2, "b": 1 / 1.2, "c": 1.0, "d": 1.0, "e": 1.0})
    assert links.paces("acd") == {"a": 1.0, "c": 1.0, "d": 1.0}
    assert links.paces(["b"]) == {"b": 1.0}
    assert links.paces([]) == {}


def test_shares_that_sum_to_one_up_to_rounding_are_not_contested():
    tenths = {number: usage({7: 0.1}) for number in range(10)}
    assert sum([0.1] * 10) != 1.0
    assert not any(SharedLinks(tenths).contested(wave) for wave in tenths)
    assert all(SharedLinks({**tenths, "one more": usage({7: 1e-6})}).contested(wave) for wave in tenths)


def test_equal_members_divide_a_link_equally():
    links = SharedLinks({wave: usage({0: 1.0}, 3.7e9) for wave in "abc"})
    assert links.paces("ab") == {"a": 0.5, "b": 0.5}
    assert links.paces("abc") == dict.fromkeys("abc", 1 / 3)


def test_fair_is_by_the_rate_of_a_member():
    # Both members get 0.75e9 bytes/s: a quarter of what a does alone, three quarters of what b does.
    links = SharedLinks({"a": usage({0: 1.0}, 3e9), "b": usage({0: 1.0}, 1e9)})
    assert links.paces("ab") == pytest.approx({"a": 0.25, "b": 0.75})
    # A slow member that takes little is not slowed at all.
    links = SharedLinks({"a": usage({0: 1.0}, 3e9), "b": usage({0: 0.1}, 1e9)})
    assert links.paces("ab") == pytest.approx({"a": 0.9, "b": 1.0})
    assert links.paces("ab")["b"] == 1.0


def test_links_used_alike_count_once():
    shares = {wave: np.full(100_000, share) for wave, share in (("a", 0.9), ("b", 0.4), ("c", 0.2))}
    many = SharedLinks({wave: Usage(np.arange(100_000), given, 1e9) for wave, given in shares.items()})
    one = SharedLinks({wave: usage({0: float(given[0])}) for wave, given in shares.items()})
    assert len(many._rows) == 1
    for active in ("ab", "abc", "bc"):
        assert many.paces(active) == one.paces(active)


def test_what_is_no_usage_is_refused():
    for wrong in (usage({0: 0.0}), usage({0: 1.1}), Usage(np.arange(2), np.ones(1), 1e9)):
        with pytest.raises(ScaletaxError, match="wave a: every link needs a share"):
            SharedLinks({"a": wrong})
    with pytest.raises(ScaletaxError, match=r"wave a: 0\.0 bytes/s"):
        SharedLinks({"a": usage({0: 1.0}, 0.0)})
    assert not SharedLinks({}).contested("a")


@st.composite
def waves(draw):
    """Waves over ten links, several of which are used alike, and which of them are active."""
    share = st.sampled_from([0.25, 0.5, 1.0]) | st.floats(0.01, 1.0)
    links = st.dictionaries(st.integers(0, 9), share, max_size=5)
    member = st.sampled_from([1e9, 2e9]) | st.floats(1e8, 1e11)
    usages = {("wave", number): usage(draw(links), draw(member)) for number in range(draw(st.integers(1, 8)))}
    return usages, draw(st.lists(st.sampled_from(list(usages)), unique=True))


@pytest.mark.slow
@given(waves())
@settings(max_examples=300, deadline=None)
def test_paces_are_max_min_fair_over_all_links_at_once(drawn):
    usages, active = drawn
    shares = np.zeros((10, len(active)))
    for column, wave in enumerate(active):
        shares[usages[wave].links, column] = usages[wave].shares
    member = np.array([usages[wave].member_bytes_per_s for wave in active])
    expected = max_min_rates(np.ones(10), shares / member, member) / member
    links = SharedLinks(usages)
    paces = links.paces(active)
    assert [paces[wave] for wave in active] == pytest.approx(expected.tolist(), rel=2e-9)
    assert links.paces(reversed(active)) is paces
    for wave, pace in paces.items():
        assert 0 < pace <= 1
        assert pace == 1 or links.contested(wave)
