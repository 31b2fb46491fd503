"""What teachers of replayed levels share: their cycles, what they refuse, damaged states, and reports."""

import numpy as np
import pytest
from level_teachers import REPLAYING, SMALL, SPACE, cycle, make, played

from teacherstudent.contract.spaces import Discrete
from teacherstudent.contract.types import Outcomes
from teacherstudent.testing import check_teacher
from teacherstudent.testing.sessions import difference

# The cycle


@pytest.mark.parametrize(("name", "learns"), [("plr", True), ("robust-plr", False)])
def test_the_gate_and_the_decision(name, learns):
    teacher, replays = make(name, replay=0.3), 0
    for i in range(400):
        warm = teacher.buffer.fill >= 0.5
        before = teacher.buffer.keys.copy()
        assignment, kinds = cycle(teacher)
        assert (kinds == kinds[0]).all(), "an ask is of one kind"
        assert (assignment.learn == (learns or kinds[0] == 1)).all()
        if kinds[0] == 1:
            assert warm
            assert np.isin(SPACE.key(assignment.tasks), before).all()
        assert i > 0 or kinds[0] == 0
        replays += kinds[0] == 1
    assert 0.22 < replays / 400 < 0.38
    assert teacher.metrics()["replay_share"] == pytest.approx(replays / 400)
    assert teacher.metrics()["edit_share"] == 0


def test_the_proportionate_schedule_is_limited_by_the_fill():
    fixed, limited = (
        make("plr", replay=1.0, min_fill=0.01, schedule=schedule, buffer={"capacity": 800})
        for schedule in ("fixed", "proportionate")
    )
    for teacher in (fixed, limited):
        for _ in range(60):
            cycle(teacher)
    assert fixed.metrics()["replay_share"] == pytest.approx(59 / 60)
    assert limited.metrics()["replay_share"] < 0.5


# What is refused


ALL_SIGNALS = (
    "episodes",
    "success",
    "max_return",
    "mean_value",
    "positive_value_loss",
    "value_l1",
    "td_error",
)


BAD = {
    "shape": (lambda good: np.stack([good, good], axis=1), r"expected .*6.*got .*\(6, 2\)"),
    "nan": (lambda good: np.where(np.arange(6) == 4, np.nan, good), "row 4.*expected a finite"),
}


@pytest.mark.parametrize("bad", BAD)
@pytest.mark.parametrize("phase", [0, 1, 2])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("domain-randomization", {}),
        *(
            (name, {"score": score, "min_fill": 0.0})
            for name in REPLAYING
            for score in ("max_mc", "value_l1")
        ),
        ("plr", {"score": "learnability", "min_fill": 0.0}),
        ("sfl", {"candidates": 20, "keep": 5, "attempts": 1, "refresh": 1}),
    ],
)
def test_a_refused_tell_leaves_no_trace(name, options, phase, bad):
    """In an ask of new levels, of replayed ones, of children; the same outcomes can be told in order then."""
    damage, message = BAD[bad]
    replay = {"replay": 1.0} if name in ("plr", "robust-plr", "accel") else {}
    for which in ALL_SIGNALS:
        teacher = make(name, **options | replay)
        signals = {name: np.linspace(0.1, 1.0, 6) for name in ALL_SIGNALS} | {"episodes": np.ones(6)}
        for _ in range(phase):
            teacher.tell(played(teacher.ask(6), **signals))
        asked, before = teacher.ask(6), teacher.state_dict()
        read = which in teacher.needs or (which == "episodes" and bad == "shape")
        read = read or (which == "max_return" and name in REPLAYING)
        wrong = Outcomes(
            ids=asked.ids,
            tasks=asked.tasks,
            score=np.zeros(6),
            cost=np.ones(6),
            signals=signals | {which: damage(signals[which])},
        )
        if not read:
            continue
        with pytest.raises(ValueError, match=message) as refused:
            teacher.tell(wrong)
        assert which in str(refused.value)
        assert difference(before, teacher.state_dict()) is None
        teacher.tell(played(asked, **signals))
        assert not len(teacher.outstanding)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("plr", {"buffer": SMALL | {"semantics": "jaxued", "priority": "topk", "top_k": 5}}),
        ("robust-plr", {"score": "max_mc", "buffer": SMALL | {"priority": "proportional", "blend": 0.5}}),
        ("accel", {"parents": "easy", "start": "all", "buffer": SMALL | {"semantics": "jaxued"}}),
        ("parallel-accel", {"score": "learnability", "buffer": SMALL | {"evict": "score"}}),
    ],
)
def test_other_options_keep_the_contract(name, options):
    check_teacher(lambda seed: make(name, seed=seed, **options), episodes=150)


@pytest.mark.parametrize(("name", "kinds"), [("parallel-plr", 2), ("parallel-accel", 3)])
@pytest.mark.parametrize("n", [1, 5, 6, 12])
def test_shares_are_equal_whatever_the_size(name, kinds, n):
    teacher, found = make(name), []
    while teacher.buffer.fill < 0.5:
        assignment, kind = cycle(teacher, n)
        assert (kind == 0).all()
        assert not assignment.learn.any()
    for _ in range(60):
        assignment, kind = cycle(teacher, n)
        assert np.array_equal(assignment.learn, kind == 1)
        assert (np.diff(kind) >= 0).all(), "slices in the order new, replay, edit"
        found.append(np.bincount(kind, minlength=3))
    shares = np.sum(found, axis=0)
    assert shares[:kinds].max() - shares[:kinds].min() <= 1
    if n % kinds == 0:
        assert (np.array(found)[:, :kinds] == n // kinds).all()


@pytest.mark.parametrize(
    ("name", "where", "damage", "message"),
    [
        ("accel", "pending", {"ids": np.array([3, 1])}, "pending rows: ids: expected ascending ids"),
        (
            "accel",
            "pending",
            {"table": np.zeros((3, 8), int)},
            r"rows: table: expected shape \(4, 8\)",
        ),
        ("accel", "replayed", {"merit": np.zeros(3)}, r"replayed levels: merit: expected shape \(0\)"),
        (
            "accel",
            "replayed",
            {"origin": np.zeros((2, 2), int)},
            r"origin: expected shape \(2, 0\)",
        ),
        ("sfl", "trial", {"tally": np.zeros((2, 3))}, r"sfl: tally: expected shape \(2, 20\)"),
        ("sfl", "trial", {"handed": 99}, "sfl: handed: expected a whole number from 0 to 20, got 99"),
        ("sfl", "trial", {"tasks": np.full(20, -7)}, "sfl: state: row 0: expected a task in"),
    ],
)
def test_damaged_states_are_refused(name, where, damage, message):
    options = {"replay": 1.0} if name == "accel" else {"candidates": 20, "keep": 5, "attempts": 1}
    space = Discrete(10**9) if name == "sfl" else SPACE
    teacher = make(name, space, **options)
    for _ in range(2):
        asked = teacher.ask(8)
        teacher.tell(played(asked, value_l1=1.0, success=0.5))
    teacher.ask(8)
    state = teacher.state_dict()
    algorithm = state["algorithm"]
    broken = algorithm | {where: algorithm[where] | damage}
    with pytest.raises(ValueError, match=message):
        make(name, space, **options).load_state_dict(state | {"algorithm": broken})


@pytest.mark.parametrize("semantics", ["dcd", "jaxued"])
def test_rows_without_a_completed_episode_are_kept_where_the_student_judges_them(semantics):
    teacher = make("plr", score="max_mc", buffer=SMALL | {"semantics": semantics})
    rows = teacher.ask(4)
    signals = {"episodes": [0.0, 0, 0, 1], "cut": [1.0, 0, 1, 0], "max_return": [3.0, 9, 5, 4]}
    teacher.tell(played(rows, mean_value=1.0, **signals))
    # The second row says nothing of a part that it is judged by, so nothing is known of its level.
    kept = dict(zip(teacher.buffer.levels[:, 0].tolist(), teacher.buffer.scores.tolist(), strict=True))
    assert kept == {int(rows.tasks[i, 0]): value for i, value in ((0, 2.0), (2, 4.0), (3, 3.0))}
    assert teacher.metrics()["unfinished_share"] == 3 / 4


# Reports


def test_the_share_of_rows_without_a_completed_episode():
    teacher, baseline = make("plr"), make("domain-randomization")
    for episodes in ([0.0, 1, 2, 0], [0.0, 0, 3, 0]):
        for each in (teacher, baseline):
            each.tell(played(each.ask(4), episodes=episodes, value_l1=1.0))
    assert teacher.metrics()["unfinished_share"] == baseline.metrics()["unfinished_share"] == 5 / 8
    resumed = make("plr")
    resumed.load_state_dict(teacher.state_dict())
    assert resumed.metrics()["unfinished_share"] == 5 / 8


def test_bad_options():
    for name, options, message in (
        ("plr", {"replay": 1.5}, r"replay: expected a number in \[0, 1\], got 1.5"),
        ("plr", {"min_fill": -0.1}, "min_fill: expected"),
        ("plr", {"schedule": "linear"}, "schedule: expected one of"),
        ("plr", {"buffer": {"capacity": 0}}, "capacity: expected"),
        ("accel", {"edits": 0}, "edits: expected a whole number of at least 1, got 0"),
        ("accel", {"parents": "all"}, "parents: expected one of"),
        ("accel", {"step": {"size": 0.2}}, r"step: expected none for levels, .* got {'size': 0.2}"),
        ("parallel-accel", {"step": {"size": 0.2}}, "step: expected none for levels"),
        ("sfl", {"keep": 11, "candidates": 10}, "sfl: keep: expected at most candidates = 10, got 11"),
        ("sfl", {"candidates": 0}, "sfl: candidates: expected a whole number of at least 1, got 0"),
        ("sfl", {"keep": 0}, "keep: expected a whole number of at least 1, got 0"),
        ("sfl", {"rho": 1.1}, r"sfl: rho: expected a share in \[0, 1\], got 1.1"),
    ):
        with pytest.raises(ValueError, match=message):
            make(name, **options)
    with pytest.raises(TypeError, match="capacities"):
        make("plr", buffer={"capacities": 3})
