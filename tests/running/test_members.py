"""Several members in one student."""

import numpy as np
import pytest
from binding import bind_pair, pair
from compiling import slots_that_compile

from teacherstudent import envs, students
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.contract.demand import Demand
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.types import Assignment
from teacherstudent.recording.runs import Run
from teacherstudent.running.experiment import Experiment
from teacherstudent.running.members import Members
from teacherstudent.testing.sessions import difference

SB3 = {"n_envs": 3, "options": {"n_steps": 32, "batch_size": 32, "n_epochs": 1}}
RSL = {"n_envs": 3, "n_steps": 32, "device": "cpu", "policy": {"hidden_dims": [8]}}
STUDENTS = {"sb3": SB3, "rsl-rl": RSL}


@pytest.fixture(scope="module")
def cartpole():
    return envs.make("cartpole-parameters")


def make(family, name="sb3", seed=0, **more):
    return bind_pair(pair(name, family, seed=seed, **{**STUDENTS[name], **more}))


def twice(family, n=3, first=0, learn=True, **columns):
    """Return rows for both members on the same tasks."""
    tasks = family.test_tasks()[np.arange(first, first + n)]
    return Assignment(
        ids=np.arange(first, first + 2 * n),
        tasks=np.tile(tasks, (2, 1)),
        purpose=purposes(np.broadcast_to(np.asarray(learn, bool), 2 * n)),
        member=np.repeat([0, 1], n),
        **columns,
    )


@pytest.mark.parametrize("name", STUDENTS)
def test_rows_go_to_their_members_and_come_back_with_them(cartpole, name):
    student = make(cartpole, name)
    assert student.wants() == 6
    assert student.round_cost() == 2 * 3 * 32
    rows = twice(cartpole)
    mixed = rows.select(np.array([3, 0, 4, 1, 5, 2]))
    found = student.train(mixed)
    assert found.ids.tolist() == [0, 1, 2, 3, 4, 5]
    assert found.member.tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(found.tasks[:3], found.tasks[3:])
    assert found.score[:3].tolist() != found.score[3:].tolist()
    alone = bind_pair(pair(name, cartpole, **STUDENTS[name])).members[1]
    same = alone.train(rows.select(slice(3, 6)))
    assert same.score.tolist() == found.score[3:].tolist()


def test_what_each_spends_is_charged_apart(cartpole):
    student = make(cartpole)
    student.train(twice(cartpole, learn=[1, 0, 0, 1, 1, 0]))
    spent = dict(student.spent())
    assert spent.pop("environment_seconds") > 0
    assert spent == {"train": 32, "train/1": 64, "measure": 32 * 3, "updates": 1 + 2}


def test_any_member_can_be_tested(cartpole):
    student = make(cartpole)
    tasks = cartpole.test_tasks()[:6]
    first, second = (student.evaluate(tasks, seed=0, member=k).score.tolist() for k in (0, 1))
    assert student.evaluate(tasks, seed=0).score.tolist() == first != second
    with pytest.raises(ValueError, match="member: expected a whole number of at most 1, got 2"):
        student.evaluate(tasks, seed=0, member=2)


@pytest.mark.parametrize("name", STUDENTS)
def test_a_member_starts_from_the_weights_that_its_rows_name(cartpole, name):
    normalize = {"normalize": True}
    student = make(cartpole, name, **normalize)
    student.train(twice(cartpole))
    before = [member.weights() for member in student.members]
    assert difference(before[0], before[1]) is not None
    measured = np.zeros(6, bool)
    student.train(twice(cartpole, first=6, learn=measured, origin=[1, 1, 1, 0, 0, 0]))  # they swap
    for member, weights in zip(student.members, before[::-1], strict=True):
        assert difference(member.weights(), weights) is None
    student.train(twice(cartpole, first=12, learn=measured, origin=[0] * 6))
    assert difference(student.members[0].weights(), student.members[1].weights()) is None


def test_a_saved_student_goes_on_as_if_it_had_not_stopped(cartpole):
    student, other = make(cartpole), make(cartpole, seed=5)
    student.train(twice(cartpole))
    other.load_state_dict(student.state_dict())
    one, two = (made.train(twice(cartpole, first=6)) for made in (student, other))
    assert difference(one.score, two.score) is None
    assert other.metrics().keys() == student.metrics().keys() > {"member_1/train/loss"}
    with pytest.raises(ValueError, match=r"Members: state: expected \['members'\]"):
        student.load_state_dict(student.members[0].state_dict())
    with pytest.raises(ValueError, match="expected 2 members"):
        student.load_state_dict({"members": []})


def test_memory_is_said(cartpole):
    said = make(cartpole).report()
    assert said["members"] == 2
    assert said["bytes of each member's state"] > 4 * 64 * 64


def test_what_cannot_be_is_refused(cartpole):
    student = make(cartpole)
    for rows, message in (
        (
            twice(cartpole, origin=[0, 0, 1, 1, 1, 1]),
            r"origin: expected one for all rows of member 0",
        ),
        (twice(cartpole, origin=[7] * 6), "origin: expected 0 to 1, got 7"),
        (twice(cartpole, n=2), "expected 3 tasks, one for each slot, got 2"),
    ):
        with pytest.raises(ValueError, match=message):
            student.train(rows)
    strange = Assignment(ids=[0], tasks=cartpole.test_tasks()[:1], member=[2])
    with pytest.raises(ValueError, match="row 0: member: expected 0 to 1, got 2"):
        student.train(strange)
    with pytest.raises(ValueError, match="Members: expected a demand for 2 members"):
        student.bind(Demand(granularity="rollout"))
    with pytest.raises(ValueError, match="expected at least one student"):
        Members([])
    with pytest.raises(TypeError, match="Members: expected students, got 3"):
        Members([3])
    parity = envs.make("parity")
    two = pair("leaky-rnn", parity, steps=2, batch=4, probe=1, units=8)
    with pytest.raises(ValueError, match="expected rows for a rollout, a chunk or a step, got 'episode'"):
        two.bind(Demand(granularity="episode", members=2))
    two.bind(Demand(granularity="chunk", members=2))
    rows = Assignment(ids=[0, 1], tasks=parity.test_tasks()[:2], member=[0, 1], origin=[0, 0])
    with pytest.raises(ValueError, match="LeakyRNNStudent cannot hand over its weights"):
        two.train(rows)


def test_members_were_told_of_a_budget_together():
    parity = envs.make("parity")
    with pytest.raises(AttributeError):
        _ = pair("leaky-rnn", parity, steps=2, batch=4, probe=1, units=8).budget
    stages = pair("classifier", envs.make("digits-stages"), budget=1e8)
    assert stages.budget == 2e8
    assert stages.cuts_last_round


def test_a_student_alone_is_refused_where_a_teacher_wants_two(cartpole):
    student = students.make("sb3", cartpole, seed=0, **SB3)
    with pytest.raises(ValueError, match=r"for 1 member, which it holds, got one for 2: .*Members"):
        student.bind(Demand(granularity="rollout", members=2))


def test_an_experiment_makes_as_many_members_as_its_teacher_wants(tmp_path):
    options = {**SB3, "options": {**SB3["options"], "learning_rate": "linear:1e-3"}}
    experiment = Experiment(
        teacher="paired",
        family="cartpole-parameters",
        student="sb3",
        plan=Plan(budget=768, test_every=768, signals=("td_error",)),
        teacher_options={"adversary": {"hidden": (8,)}},
        student_options=options,
    )
    _, teacher, student = experiment.build()
    assert (teacher.members, len(student.members)) == (2, 2)
    student.close()
    ledger = experiment.run(tmp_path)
    assert (ledger.costs["train"], ledger.costs["train/1"], ledger.spent) == (384, 384, 768)
    run = Run.load(tmp_path)
    episodes = run.episodes()
    assert episodes["member"].tolist() == ([0] * 3 + [1] * 3) * 4
    assert "td_error" in episodes
    assert not {"value_l1", "mean_value"} & episodes.keys(), "nobody asked for them"
    assert run.manifest["student_report"]["members"] == 2
    rates = [record["student"]["train/learning_rate"] for record in run.records()[1:]]
    assert rates[-1] == pytest.approx(0, abs=1e-12), "each schedule falls over half of the budget"


def test_every_member_compiles(cartpole, monkeypatch):
    compiled = []
    slots_that_compile(monkeypatch, lambda self: compiled.append(self.num_envs))
    make(cartpole, "rsl-rl").compile()
    assert compiled == [3] * 4  # slots of training and of tests
