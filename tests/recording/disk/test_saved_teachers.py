"""Teachers in files of their own: made anew by name, with their rows dropped, and without running code."""

import numpy as np
import pytest
from adapted import HEIGHT, Listener
from served import outcomes

from teacherstudent import Parameters, envs, spaces, teachers
from teacherstudent.contract import teacher as contract
from teacherstudent.contract.registry import TEACHERS
from teacherstudent.contract.stored.settings import arguments_of
from teacherstudent.contract.teacher import fit_options
from teacherstudent.recording.disk import checkpoint
from teacherstudent.recording.disk.checkpoint import CheckpointError
from teacherstudent.recording.disk.saved_teachers import load
from teacherstudent.teachers.random import UniformTeacher

MAZE = envs.make("maze")
NAMES = teachers.names()


def twin(teacher, path, *given, **options):
    teacher.save(path)
    return teachers.load(path, *given, **options)


@pytest.mark.parametrize("name", NAMES)
def test_every_teacher_comes_back_as_it_was(name, tmp_path):
    tried = 0
    for space in (Parameters(height=(0, 1), width=(0.5, 2)), spaces.Discrete(5), MAZE):
        try:
            teacher = teachers.make(name, space, seed=3)
            teacher.ask(max(4, 2 * teacher.members))
        except (TypeError, ValueError):
            continue  # another kind of space, or options without a default
        given = [space] if space is MAZE else []
        again = twin(teacher, tmp_path / "teacher.npz", *given)
        assert type(again) is type(teacher)
        assert again.dropped == len(teacher.outstanding) > 0
        assert again.outstanding.size == 0
        teacher.drop(teacher.outstanding)
        n = max(6, 2 * teacher.members)
        np.testing.assert_array_equal(again.ask(n).tasks, teacher.ask(n).tasks)
        tried += 1
    # These want more than a space; the others are tried.
    assert (tried == 0) == (name in NEED_MORE)


NEED_MORE = {
    "efficient-train",
    "cyclical",
    "ps-kd",
    "efficient-train-pp",
    "smoothing",
    "lerac",
    "spdl",
    "intermediate",
    "goal-gan",
    "again",
    "gradient",
    "rex",
    "reverse",
    "mastery",
    "oracle",
    "compose",
    "adr",
    "setter-solver",
    "terrain-levels",
    "currot",
}


def test_what_was_learnt_and_the_arguments_come_back(tmp_path):
    family = envs.make("cartpole-parameters")
    teacher = teachers.make("alp-gmm", family, seed=0, fit_rate=20)
    for _ in range(60):
        teacher.tell(outcomes(teacher.ask(1)))
    again = twin(teacher, tmp_path / "teacher.npz")
    assert again.metrics() == teacher.metrics()
    assert again.space == family.space
    assert again.dropped == 0
    assert arguments_of(again)[0]["fit_rate"] == 20
    np.testing.assert_array_equal(again.ask(50).tasks, teacher.ask(50).tasks)
    seeded = teachers.make("random", HEIGHT, seed=np.random.SeedSequence(7))
    np.testing.assert_array_equal(twin(seeded, tmp_path / "s.npz").ask(3).tasks, seeded.ask(3).tasks)


def test_options_that_follow_a_run_come_back(tmp_path):
    """The papers' capacity of 4 000 levels would take the place of what the run's length has chosen."""
    teacher = teachers.make("plr", MAZE, seed=0)
    chosen = fit_options(teacher, 400, 8)
    capacity = chosen["capacity"]
    assert capacity < 4000
    teacher.save(tmp_path / "plr.npz")
    loaded = teachers.load(tmp_path / "plr.npz", MAZE)
    assert loaded.fitted == teacher.fitted == (400, 8)
    assert loaded.buffer.capacity == capacity
    plain = teachers.make("alp-gmm", Parameters(a=(0, 1)), seed=0)
    plain.save(tmp_path / "alp.npz")
    assert teachers.load(tmp_path / "alp.npz").fitted is None


def test_spaces_that_no_file_holds_must_be_given(tmp_path):
    path = tmp_path / "teacher.npz"
    teacher = teachers.make("domain-randomization", MAZE, seed=0)
    teacher.save(path)
    with pytest.raises(TypeError, match=r"expected the space or the family.*load\(path, family\)"):
        load(path)
    assert load(path, MAZE.space).space is MAZE.space
    with pytest.raises(ValueError, match="expected a teacher of"):
        load(path, HEIGHT)
    with pytest.raises(TypeError, match="expected a space or a family, got 3"):
        load(path, 3)


@pytest.fixture
def registered(monkeypatch):
    """Register a teacher for one test."""
    monkeypatch.setattr(TEACHERS, "_found", dict(TEACHERS._entries()))
    monkeypatch.setattr(TEACHERS, "_loaded", dict(TEACHERS._loaded))
    teachers.register("scaled")(Scaled)


class Scaled(UniformTeacher):
    """Random tasks; takes a function."""

    def __init__(self, space, *, seed, scale=None, pairs=((1, 2),)):
        super().__init__(space, seed=seed)
        self.scale, self.pairs = scale, pairs


class Unregistered(UniformTeacher):
    """Random tasks."""


@pytest.mark.usefixtures("registered")
def test_arguments_that_are_no_data_must_be_given(tmp_path):
    path = tmp_path / "teacher.npz"
    Scaled(HEIGHT, seed=0, scale=abs, pairs=((3, 4),)).save(path)
    with pytest.raises(TypeError, match=r"expected \['scale'\] to be given.*scale="):
        load(path)
    again = load(path, scale=max)
    assert (again.scale, again.pairs) == (max, [[3, 4]])
    assert load(path, scale=None, pairs=5).pairs == 5


def test_a_class_without_a_name_is_not_saved(tmp_path):
    for teacher in (Unregistered(HEIGHT, seed=0), Listener(HEIGHT)):
        with pytest.raises(ValueError, match=r"save: expected a class that is registered"):
            teacher.save(tmp_path / "teacher.npz")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"name": "os:system"}, "os:system"),
        ({"name": "no-such"}, "unknown teacher"),
        ({"what": "run"}, "expected a teacher, got 'run'"),
        ({"arguments": 3}, "expected arguments by name"),
        ({"missing": 3}, "expected arguments by name"),
        ({"fitted": [3]}, "expected rows and slots of a run"),
        ({"fitted": [3, 0]}, "fitted: expected a whole number"),
        ({"space": 3}, "description of a space"),
        ({"state": {}}, "teacher state"),
        ({"more": 1}, "unknown"),
    ],
)
def test_damaged_files_are_refused_and_run_nothing(changes, error, tmp_path):
    path = tmp_path / "teacher.npz"
    teachers.make("random", HEIGHT, seed=0).save(path)
    checkpoint.save(path, checkpoint.load(path) | changes)
    with pytest.raises(ValueError, match=error):
        load(path)


def test_missing_and_unreadable_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none.npz")
    (tmp_path / "damaged.npz").write_bytes(b"no archive")
    with pytest.raises(CheckpointError, match="damaged"):
        load(tmp_path / "damaged.npz")


def test_the_contract_says_what_is_lacking_where_nothing_writes(monkeypatch, tmp_path):
    monkeypatch.setattr(contract, "_WRITERS", [])
    with pytest.raises(RuntimeError, match="import teacherstudent"):
        teachers.make("random", HEIGHT, seed=0).save(tmp_path / "t.npz")
