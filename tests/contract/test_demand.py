import dataclasses
import re

import pytest

from teacherstudent.contract.demand import (
    Demand,
    Signal,
    check_demand,
    check_offers,
    everything,
    free,
    logged,
)

OFFERS = {
    "episode": {
        "length": Signal(unit="steps"),
        "gain": Signal(free=False),
        "trace": Signal(shape=(8,), free=False),
        "debug": Signal(logged=False),
    },
    "rollout": {"regret": Signal(free=False)},
}


@pytest.mark.parametrize(
    "offers", [None, {}, {"episode": {"length"}}, {"episode": {"length": 3}}, {"epoch": {"length": Signal()}}]
)
def test_offers_are_mappings_of_signals(offers):
    with pytest.raises(TypeError, match="mine: offers: expected a mapping of granularities to mappings"):
        check_offers(offers, "mine")


@pytest.mark.parametrize("members", [0, -1, 1.5, True, None])
def test_a_demand_is_for_one_member_at_least(members):
    message = f"Demand: members: expected a whole number of at least 1, got {members!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Demand(members=members)


def test_a_demand_keeps_its_names_whatever_they_came_in():
    names = ["gain", "trace", "gain"]
    demand = Demand(signals=names)
    names.clear()
    assert demand.signals == frozenset({"gain", "trace"})
    assert (demand.granularity, demand.members) == ("episode", 1)
    with pytest.raises(dataclasses.FrozenInstanceError):
        demand.members = 2


def test_rows_carry_what_is_asked_for_and_what_is_free():
    assert check_demand(Demand(), OFFERS, "mine") == {"length", "debug"}
    assert check_demand(Demand(signals={"gain"}), OFFERS, "mine") == {"length", "debug", "gain"}
    assert check_demand(Demand(granularity="rollout"), OFFERS, "mine") == frozenset()
    assert check_demand(Demand(members=3), OFFERS, "mine", members=3) == {"length", "debug"}


def test_what_is_no_demand_is_refused():
    with pytest.raises(TypeError, match=r"^mine: bind: expected a Demand, got 'episode'$"):
        check_demand("episode", OFFERS, "mine")


@pytest.mark.parametrize(
    ("demand", "members", "message"),
    [
        ({"granularity": "step"}, 1, "mine: can be bound for ['episode', 'rollout'], got 'step'"),
        (
            {"signals": {"loss", "gain", "accuracy"}},
            1,
            "mine: expected signals among ['debug', 'gain', 'length', 'trace'], which it offers for one "
            "episode, got ['accuracy', 'loss']",
        ),
        (
            {"granularity": "rollout", "signals": {"gain"}},
            1,
            "mine: expected signals among ['regret'], which it offers for one rollout, got ['gain']",
        ),
        (
            {"members": 2},
            1,
            "mine: expected a demand for 1 member, which it holds, got one for 2: "
            "teacherstudent.running.members.Members([...]) holds a student for each",
        ),
        (
            {},
            2,
            "mine: expected a demand for 2 members, which it holds, got one for 1: "
            "teacherstudent.running.members.Members([...]) holds a student for each",
        ),
    ],
)
def test_what_is_not_offered_is_refused_by_name(demand, members, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        check_demand(Demand(**demand), OFFERS, "mine", members=members)


def test_everything_is_of_the_first_granularity_unless_one_is_named():
    assert everything(OFFERS) == Demand(granularity="episode", signals={"length", "gain", "trace", "debug"})
    assert everything(OFFERS, "rollout") == Demand(granularity="rollout", signals={"regret"})
    assert check_demand(everything(OFFERS), OFFERS, "mine") == OFFERS["episode"].keys()


def test_single_numbers_are_logged_and_vectors_where_they_are_named():
    there = OFFERS["episode"]
    assert free(there) == {"length", "debug"}
    assert logged(there, ()) == {"length", "gain"}
    assert logged(there, ["trace"]) == {"length", "gain", "trace"}
    assert logged(there, ["debug"]) == {"length", "gain", "debug"}
