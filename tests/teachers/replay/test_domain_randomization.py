"""Domain randomisation: the tasks of `random`, each for one rollout."""

import numpy as np
from level_teachers import RolloutStudent, cycle, make

from teacherstudent import envs, teachers
from teacherstudent.contract.accounts.plan import Plan
from teacherstudent.recording.runs import Run
from teacherstudent.running.loop import run


def test_without_replay_it_is_domain_randomisation():
    one, two, three = make("plr", replay=0.0), make("domain-randomization"), make("random")
    for n in (3, 8, 1, 30):
        asked = [cycle(t, n)[0].tasks for t in (one, two)] + [three.ask(n).tasks]
        assert np.array_equal(asked[0], asked[1])
        assert np.array_equal(asked[0], asked[2])
    assert len(one.buffer) == 16
    assert two.needs == frozenset()
    assert two.granularity == "rollout"


def test_a_run_whose_rollouts_are_too_short_says_so(tmp_path, caplog):
    family = envs.make("cartpole-parameters")
    teacher = teachers.make("domain-randomization", family.space, seed=0)
    run(family, teacher, RolloutStudent(0.0), tmp_path, Plan(budget=6000.0, test_every=3000.0))
    note = Run.load(tmp_path).status()["note"]
    assert note.startswith("in 100% of the rollouts no episode was completed")
    assert [note.count(record.message.split(": ", 1)[1]) for record in caplog.records] == [1, 1]
