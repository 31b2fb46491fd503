from types import SimpleNamespace

import numpy as np

from teacherstudent.contract.accounts.ledger import Ledger
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.types import Outcomes
from teacherstudent.running.notes import MANY_ROLLOUTS, NO_EPISODES, NOT_TRAINED, RunNotes
from teacherstudent.slots.requests import MOST_STEPS


def noted():
    """Return notes on a run, and the list to which they go."""
    said = []
    return RunNotes(SimpleNamespace(note=said.append)), said


def rows(**signals):
    n = len(next(iter(signals.values())))
    return Outcomes(
        ids=np.arange(n), tasks=np.zeros((n, 1)), score=np.zeros(n), cost=np.ones(n), signals=signals
    )


def test_rollouts_without_an_episode_are_told_once_when_they_are_the_most_of_many():
    notes, said = noted()
    most = np.arange(MANY_ROLLOUTS // 2) % 4 == 0  # of each half, a quarter completes an episode
    notes.round(rows(episodes=most.astype(int)))
    assert said == []
    notes.round(rows(episodes=most.astype(int)))
    assert len(said) == 1
    assert said[0].startswith("in 75% of the rollouts no episode was completed")
    notes.round(rows(episodes=most.astype(int)))
    assert len(said) == 1


def test_half_of_the_rollouts_is_not_the_most():
    notes, said = noted()
    notes.round(rows(episodes=np.arange(MANY_ROLLOUTS) % 2))
    notes.round(rows(episodes=np.zeros(MANY_ROLLOUTS, int)))  # the question is settled by then
    notes.round(rows(length=np.ones(4)))
    assert said == []


def test_tests_that_are_cut_are_told_once():
    notes, said = noted()
    notes.test(rows(success=np.ones(3)))
    notes.test(rows(length=np.array([3, MOST_STEPS - 1])))
    assert said == []
    notes.test(rows(length=np.array([MOST_STEPS, 3, MOST_STEPS])))
    notes.test(rows(length=np.array([MOST_STEPS])))
    assert said == [
        f"2 episodes of a test were cut at {MOST_STEPS} steps: the family's environments need a time limit"
    ]


def ended(*, spent=100.0, episodes=50, failed=0, repeated=0.0, steered=None, **counts):
    """Return what is noted at the end of a run with a budget of 100."""
    notes, said = noted()
    ledger = Ledger()
    ledger.absorb({"train": spent})
    ledger.episodes, ledger.failed = episodes, failed
    student = SimpleNamespace(spent=lambda: counts, metrics=lambda: {"repeated_tasks": repeated})
    notes.end(student, ledger, Plan(budget=100), SimpleNamespace(note=lambda: steered))
    return said


def test_a_run_as_it_should_be_has_no_note():
    assert ended() == ended(updates=3.0, spent=105.0, repeated=5.0) == []


def test_what_is_odd_at_the_end_is_told():
    assert ended(updates=0.0) == [NOT_TRAINED]
    assert ended(episodes=0, repeated=9.0) == [NO_EPISODES]
    assert ended(steered="never acted") == ["never acted"]
    assert ended(failed=2) == ["on 2 tasks the environment failed; failed.jsonl names them"]
    (repeated,) = ended(repeated=10.0)
    assert repeated.startswith("20% of the episodes were not asked for (id -1)")
    assert ended(repeated=99.0)[0].startswith("100% of the episodes")
    (overspent,) = ended(spent=130.0)
    assert overspent == "130 was spent, 30% more than the budget of 100: the last round is whole"
