"""Teachers of levels in model.learn() of stable-baselines3."""

import numpy as np
import pytest
import torch
from adapted import HEIGHT, Heights
from bound_sb3 import Noisy
from rollout_tables import Rollouts
from sb3_contrib import TRPO, MaskablePPO, RecurrentPPO
from stable_baselines3 import A2C, DQN, PPO
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.logger import Logger
from stable_baselines3.common.vec_env import DummyVecEnv, VecNormalize

from reaching import steps
from teacherstudent import TeacherVecEnv, teachers
from teacherstudent.adapters.levels.callback import LevelCallback
from teacherstudent.adapters.levels.vec_env import LevelVecEnv, Played
from teacherstudent.contract.demand import Demand
from teacherstudent.contract.purposes import Purpose
from teacherstudent.students.rollouts.scores import VALUE_SIGNALS
from teacherstudent.students.sb3.student import SB3Student

OPTIONS = {"n_steps": 16, "batch_size": 16, "n_epochs": 2, "seed": 0}
MIXED = np.array([Purpose.TRAIN, Purpose.MEASURE, Purpose.TRAIN, Purpose.EDIT])


def quiet(model):
    model.set_logger(Logger(folder=None, output_formats=[]))
    return model


def ppo(vec, **options):
    return quiet(PPO("MlpPolicy", vec, **OPTIONS | options))


def weights(model):
    return {name: p.detach().clone() for name, p in model.policy.state_dict().items()}


def changed(model, before):
    return any(not torch.equal(value, before[name]) for name, value in weights(model).items())


class Watch(BaseCallback):
    """Notes the weights, and how often it hears of steps."""

    def __init__(self):
        super().__init__()
        self.heard, self.rollouts = 0, 0

    def _on_step(self):
        self.heard += 1
        return True

    def _on_rollout_end(self):
        self.rollouts += 1


@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("n_steps", [32, 8])
def test_the_teacher_hears_what_the_package_s_own_student_tells(normalize, n_steps):
    """Episodes last 11 steps, so that the shorter rollout completes none."""
    family = steps(Noisy)
    options = OPTIONS | {"n_steps": n_steps}
    del options["seed"]
    student = SB3Student(family, seed=0, n_envs=4, normalize=normalize, options=options)
    student.bind(Demand(granularity="rollout", signals=frozenset(VALUE_SIGNALS)))
    own = Rollouts(family.space, needs=("episodes", *VALUE_SIGNALS))
    theirs = student.train(own.ask(4))

    teacher = Rollouts(family.space, needs=("episodes", *VALUE_SIGNALS))
    vec = LevelVecEnv(teacher, family.make_vec(4))
    model = ppo(VecNormalize(vec) if normalize else vec, **options)
    model.learn(4 * n_steps, callback=LevelCallback())
    mine = teacher.told[0]
    np.testing.assert_array_equal(mine.tasks, theirs.tasks)
    assert mine.signals.keys() - {"success"} == theirs.signals.keys() - {"success"}
    assert mine.cost.tolist() == theirs.cost.tolist()
    for name in ("episodes", "length", "cut"):
        assert mine.signals[name].tolist() == theirs.signals[name].tolist()
    assert mine.signals["cut"].tolist() == [n_steps == 8] * 4


def test_both_compute_the_same_of_the_same_rollout(monkeypatch):
    """The tables of a student's rollout, told through the callback's own way, give the student's numbers."""
    family = steps(Noisy)
    for n_steps in (32, 8):
        options = OPTIONS | {"n_steps": n_steps}
        del options["seed"]
        student = SB3Student(family, seed=0, n_envs=4, normalize=True, options=options)
        student.bind(Demand(granularity="rollout", signals=frozenset(VALUE_SIGNALS)))
        teacher = Rollouts(family.space, needs=("episodes", *VALUE_SIGNALS))
        monkeypatch.setattr(student._bound, "_update", lambda learn: None)
        theirs = student.train(teacher.ask(4))
        bound = student._bound.envs

        vec = LevelVecEnv(teacher, family.make_vec(4))
        monkeypatch.setattr(vec, "played", lambda steps, b=bound: Played(b.rewards, b.ends, b.told))
        called = LevelCallback(budget=64)
        called.init_callback(ppo(vec, **options))
        called._on_training_start()
        called._algorithm = student.model
        called.rounds.ask()
        called._tell()
        mine = teacher.told[0]
        np.testing.assert_array_equal(mine.score, theirs.score)
        names = mine.signals.keys() - {"success"}
        assert names == theirs.signals.keys() - {"success"}
        for name in names:
            values = mine.signals[name]
            np.testing.assert_array_equal(values, theirs.signals[name], err_msg=name)
        assert mine.signals["cut"].tolist() == [n_steps == 8] * 4


def test_measured_rollouts_make_no_gradient_step():
    family = steps(Noisy)
    purposes = (Purpose.MEASURE, Purpose.EDIT, Purpose.TRAIN)
    teacher = Rollouts(family.space, needs=("episodes", "value_l1"), purposes=purposes)
    seen = []
    tell = teacher.tell
    model = ppo(VecNormalize(LevelVecEnv(teacher, family.make_vec(4))))

    def watched(outcomes):
        normalize = model.get_vec_normalize_env()
        seen.append((weights(model), normalize.obs_rms.count, model._n_updates))
        tell(outcomes)

    teacher.tell = watched
    watch, called = Watch(), LevelCallback()
    trained = []
    train = model.train
    model.train = lambda: (trained.append(model.num_timesteps), train())
    model.learn(4 * 16 * 6, callback=[watch, called])
    assert trained == [4 * 16 * 3, 4 * 16 * 6], "one update for two measured rollouts and one of training"
    assert called.rounds.spent == {"train": 128, "measure": 128, "edit": 128}
    assert [told.purpose.tolist()[0] for told in teacher.told] == [1, 2, 0] * 2
    assert (watch.heard, watch.rollouts) == (2 * 16, 2)
    before = seen[0][0]
    for i, (now, count, updates) in enumerate(seen):
        same = all(torch.equal(now[name], before[name]) for name in now)
        assert same == (i < 3)
        assert updates == 2 * (i >= 3)
        # Moments see the set-up's start, and the starts and steps of what is trained on.
        assert count == pytest.approx(4 + 4 * 17 * ((i + 1) // 3), abs=0.01)
    assert teacher.paces == [i / 6 for i in range(6)]


def test_a_budget_that_ends_while_levels_are_measured_ends_the_training():
    family = steps(Noisy)
    teacher = Rollouts(family.space, purposes=(Purpose.MEASURE,))
    model = ppo(LevelVecEnv(teacher, family.make_vec(4)))
    before, called = weights(model), LevelCallback()
    model.learn(200, callback=called)
    assert not changed(model, before)
    assert called.rounds.spent == {"train": 0, "measure": 256}
    assert model.num_timesteps == 256 + 4
    assert not teacher.outstanding.size


@pytest.mark.parametrize("algorithm", ["ppo", "a2c", "trpo", "recurrent"])
def test_an_update_sees_the_learnt_slots_alone(algorithm):
    """What measured slots saw and did is spoilt after the rollout: the update is the same."""

    class Spoil(BaseCallback):
        def _on_step(self):
            return True

        def _on_rollout_end(self):
            buffer = self.model.rollout_buffer
            for name in ("observations", "actions", "advantages", "returns", "values", "log_probs"):
                getattr(buffer, name)[:, MIXED != Purpose.TRAIN] = 99.0

    def learnt(spoilt):
        family = steps(Noisy)
        teacher = Rollouts(family.space, purposes=(MIXED,))
        vec = LevelVecEnv(teacher, family.make_vec(4))
        if algorithm == "ppo":
            model = ppo(vec)
        elif algorithm == "a2c":
            model = quiet(A2C("MlpPolicy", vec, n_steps=16, seed=0))
        elif algorithm == "trpo":
            model = quiet(TRPO("MlpPolicy", vec, n_steps=16, batch_size=16, seed=0))
        else:
            kwargs = {"lstm_hidden_size": 8}
            model = quiet(RecurrentPPO("MlpLstmPolicy", vec, policy_kwargs=kwargs, **OPTIONS))
        before = weights(model)
        # The teacher is told first, of what was really played; the update's copy is made then too.
        model.learn(64, callback=[Spoil(), LevelCallback()] if spoilt else [LevelCallback()])
        assert changed(model, before)
        assert "get" not in vars(model.rollout_buffer), "a whole buffer samples as ever"
        return weights(model)

    honest, other = learnt(False), learnt(True)
    for name, value in honest.items():
        assert torch.equal(value, other[name]), name


def test_a_rollout_of_the_next_learn_goes_on():
    family = steps(Noisy)
    teacher = teachers.make("robust-plr", family.space, seed=0, score="value_l1")
    model = ppo(LevelVecEnv(teacher, family.make_vec(4)))
    called = LevelCallback(budget=64 * 40)
    model.learn(64 * 20, callback=called)
    capacity = teacher.buffer.capacity
    model.learn(64 * 20, callback=called, reset_num_timesteps=False)
    assert sum(called.rounds.spent.values()) == pytest.approx(64 * 40, abs=128)
    assert teacher.buffer.capacity == capacity
    assert called.rounds.spent["measure"] > 0
    assert called.rounds.spent["train"] == 64 * model._n_updates / 2
    assert model.logger.name_to_value["teacher/spent/train"] <= called.rounds.spent["train"]


def test_a_saved_teacher_goes_on(tmp_path):
    family = steps(Noisy)

    def make():
        teacher = teachers.make("plr", family.space, seed=0, score="value_l1")
        return teacher, ppo(LevelVecEnv(teacher, family.make_vec(4)))

    first, model = make()
    called = LevelCallback(budget=64 * 30)
    model.learn(64 * 15, callback=called)
    called.rounds.save(tmp_path / "levels.npz")
    second, model = make()
    resumed = LevelCallback(budget=64 * 30, resume=tmp_path / "levels.npz")
    model.learn(64, callback=resumed)
    assert resumed.rounds.spent["train"] == called.rounds.spent["train"] + 64
    assert len(second.buffer) >= len(first.buffer) > 0


def test_training_that_is_stopped_leaves_nothing_open():
    class Stop(BaseCallback):
        def _on_step(self):
            return self.n_calls < 5

    family = steps(Noisy)
    teacher = Rollouts(family.space)
    model = ppo(LevelVecEnv(teacher, family.make_vec(4)))
    called = LevelCallback()
    model.learn(128, callback=[Stop(), called])
    assert not teacher.outstanding.size
    assert not teacher.told
    model.learn(64, callback=called)
    assert len(teacher.told) == 1


class Masked(BaseCallback):
    """Every action is one that the mask of its slot allows."""

    def _on_step(self):
        observations = self.locals["obs_tensor"].numpy()[:, 0]
        assert all(self.locals["actions"][observations <= 0.5] != 1)
        return True


def test_action_masks_are_those_of_the_levels():
    teacher = Rollouts(HEIGHT, purposes=(Purpose.MEASURE, Purpose.TRAIN, MIXED))
    model = quiet(MaskablePPO("MlpPolicy", LevelVecEnv(teacher, DummyVecEnv([Heights] * 4)), **OPTIONS))
    called = LevelCallback()
    model.learn(64 * 6, callback=[Masked(), called])
    assert called.rounds.spent == {"train": 2 * 64 + 2 * 32, "measure": 2 * 64 + 2 * 16, "edit": 2 * 16}


def test_who_is_refused():
    teacher = Rollouts(HEIGHT)
    envs = DummyVecEnv([Heights] * 2)
    with pytest.raises(
        TypeError, match=r"an on-policy algorithm.*got DQN: teachers of episodes, such as 'alp"
    ):
        quiet(DQN("MlpPolicy", LevelVecEnv(teacher, envs))).learn(10, callback=LevelCallback())
    other = TeacherVecEnv(teachers.make("riac", HEIGHT, seed=0), envs)
    with pytest.raises(TypeError, match=r"expected the model's environment to hold a LevelVecEnv\(teacher"):
        ppo(other).learn(10, callback=LevelCallback())
    teacher = Rollouts(HEIGHT, needs=("success",))
    with pytest.raises(ValueError, match=r"success: expected a table, as Rollouts needs it, or .*mastered="):
        ppo(LevelVecEnv(teacher, envs)).learn(64, callback=LevelCallback())
