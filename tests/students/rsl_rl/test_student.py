import subprocess
import sys

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box, MultiDiscrete
from gymnasium.spaces import Dict as DictSpace
from torch.utils._python_dispatch import TorchDispatchMode

from reaching import Reach, assign, reach
from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import Assignment
from teacherstudent.running.loop import check_fit
from teacherstudent.slots.tensor_envs import HostTensorEnvs
from teacherstudent.slots.wrapping.family import family_from_gymnasium
from teacherstudent.students.rollouts.play import EpisodeError
from teacherstudent.students.rsl_rl import student as rsl_rl
from teacherstudent.students.rsl_rl.ppo import RslRlPPO
from teacherstudent.students.rsl_rl.queue import TensorQueue
from teacherstudent.students.rsl_rl.rollout import TensorRollout
from teacherstudent.students.rsl_rl.student import RslRlStudent
from teacherstudent.testing.students import check_student

SMALL = {"n_envs": 6, "n_steps": 12, "device": "cpu", "policy": {"hidden_dims": [16, 16]}}

RECURRENT = {"class_name": "RNNModel"}


@pytest.fixture(autouse=True)
def _skip_without_gpu(request):
    if request.node.get_closest_marker("gpu") and not torch.cuda.is_available():
        pytest.skip("needs a CUDA device, and torch sees none")


class Line:
    """Walk to a goal on a line, in tensors; every table handed out is overwritten by the next call."""

    def __init__(self, n, device):
        self.num_envs, self.device = n, device
        self.single_observation_space = Box(-20, 20, (3,), np.float32)
        self.single_action_space = Box(-1, 1, (1,), np.float32)
        self.now = torch.zeros(n, 3, device=device)  # position, goal, time: the observations too
        self.ends = torch.zeros(2, n, dtype=torch.bool, device=device)

    def start(self, mask, tasks, seeds):
        assert seeds.dtype == torch.int64
        fresh = torch.stack([(seeds % 1000) / 1000 - 0.5, tasks[:, 0], torch.zeros_like(tasks[:, 0])], 1)
        self.now.copy_(torch.where(mask[:, None], fresh.float(), self.now))
        return self.now

    def step(self, actions):
        assert actions.shape == (self.num_envs, 1)
        self.now[:, 0] += actions[:, 0]
        self.now[:, 2] += 1
        distance = (self.now[:, 0] - self.now[:, 1]).abs()
        torch.gt(distance, 4, out=self.ends[0])
        torch.ge(self.now[:, 2], 8, out=self.ends[1])
        return self.now, -distance, self.ends[0], self.ends[1]

    def get_state(self):
        return {"now": self.now.cpu().numpy().copy()}

    def set_state(self, state):
        self.now.copy_(torch.from_numpy(state["now"]))

    def close(self):
        """Nothing to free."""


class FreshLine(Line):
    """The same, in new tables at every call."""

    def start(self, mask, tasks, seeds):
        return super().start(mask, tasks, seeds).clone()

    def step(self, actions):
        return tuple(table.clone() for table in super().step(actions))


class LineFamily(RLFamily):
    space = Parameters(goal=(-3, 3))
    test_set = "line"
    mastered = -8.0
    kind = Line

    def test_tasks(self):
        return np.linspace(-3, 3, 9)[:, None]

    def make_tensors(self, n, device):
        return self.kind(n, device)

    def make_vec(self, n, *, processes=1):
        raise AssertionError("the host is not needed")

    make_env = make_vec


@pytest.fixture
def line(monkeypatch):
    """Return a family of tensors, which the student otherwise takes on a GPU only."""
    monkeypatch.setattr(
        rsl_rl, "make_tensor_envs", lambda family, n, device, **_: family.make_tensors(n, device)
    )
    return LineFamily()


@pytest.mark.parametrize("normalize", [True, False, "observations", "rewards"])
def test_contract_with_exact_resume(cartpole, normalize):
    check_student(lambda seed: RslRlStudent(cartpole, seed=seed, normalize=normalize, **SMALL), cartpole)


@pytest.mark.parametrize(
    "options",
    [{"schedule": "fixed", "learning_rate": 3e-4, "optimizer": "sgd"}, {"desired_kl": 1e-3, "gamma": 0.9}],
)
def test_contract_on_tensors_with_exact_resume(line, options):
    check_student(lambda seed: RslRlStudent(line, seed=seed, options=options, **SMALL), line)


def test_contract_without_snapshots():
    family = reach()
    check_student(lambda seed: RslRlStudent(family, seed=seed, **SMALL), family, exact=False)


WAITING = {
    "aten._local_scalar_dense",
    "aten.nonzero",
    "aten.masked_select",
    "aten.equal",
    "aten.normal",  # looks at the spread
    "aten.multinomial",
}


class NoWaits(TorchDispatchMode):
    """Refuses operations that would make the host wait for a GPU."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = str(func.overloadpacket)
        masks = name.startswith("aten.index") and any(
            isinstance(index, torch.Tensor) and index.dtype == torch.bool
            for index in (args[1] if isinstance(args[1], list | tuple) else ())
        )
        assert name not in WAITING, f"{name} waits for the device"
        assert not masks, f"{name} with a mask waits for the device"
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize("policy", [{}, {"state_dependent_std": True}, {"class_name": "RNNModel"}])
def test_nothing_waits_for_the_device_within_a_rollout(line, monkeypatch, policy):
    student = RslRlStudent(line, seed=0, **(SMALL | {"policy": SMALL["policy"] | policy}))
    watch, act, watched = NoWaits(), student.ppo.act, []

    def enter(t):
        if t == 0:
            watch.__enter__()
        watched.append(t)
        return act(t)

    check = TensorRollout._check
    monkeypatch.setattr(student.ppo, "act", enter)
    monkeypatch.setattr(
        TensorRollout, "_check", lambda *given: (watch.__exit__(None, None, None), check(*given))
    )
    with pytest.raises(AssertionError, match="waits"), NoWaits():
        bool(torch.ones(1).all())
    with pytest.raises(AssertionError, match="waits"), NoWaits():
        torch.arange(3)[torch.ones(3, dtype=torch.bool)]
    student.train(assign(student, line))
    assert watched == list(range(12))


@pytest.mark.parametrize("recurrent", [{}, {"class_name": "RNNModel", "rnn_hidden_dim": 4}])
def test_a_rollout_runs_on_a_device_without_data(monkeypatch, recurrent):
    device, family = torch.device("meta"), LineFamily()  # reading a number there, or mixing devices, raises
    slots = family.make_tensors(6, device)
    options = {"policy": {"hidden_dims": [8], **recurrent}, "observations": True, "rewards": True}
    ppo = RslRlPPO(slots, 4, options={}, **options)
    queue = TensorQueue(6, seed=0, device=device)
    queue.put(Assignment(ids=np.arange(9), tasks=np.zeros((9, 1))))
    rollout = TensorRollout(slots, queue, 4, discount=0.9, failures=Failures())

    def stop(*_):
        raise StopIteration("at the end of the loop")

    monkeypatch.setattr(rollout, "_check", stop)
    with pytest.raises(StopIteration, match="at the end"):
        rollout.collect(ppo)
    with pytest.raises((RuntimeError, NotImplementedError)):
        bool(rollout._log.done.any())
    first = torch.ones(6, dtype=torch.bool, device=device)
    assert ppo.player(greedy=True)(ppo.observations[0], first).device == device


@pytest.mark.gpu
@pytest.mark.parametrize("policy", [{}, RECURRENT])
def test_nothing_waits_for_a_gpu_within_a_rollout(monkeypatch, policy):
    family = LineFamily()
    student = RslRlStudent(family, seed=0, **(SMALL | {"device": "cuda", "policy": policy}))
    student.train(assign(student, family))
    act, check = student.ppo.act, TensorRollout._check

    def watched(t):
        torch.cuda.set_sync_debug_mode("error")
        return act(t)

    def unwatched(*given):
        torch.cuda.set_sync_debug_mode("default")
        check(*given)

    monkeypatch.setattr(student.ppo, "act", watched)
    monkeypatch.setattr(TensorRollout, "_check", unwatched)
    try:
        student.train(assign(student, family, first=100))
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.gpu
def test_contract_on_a_gpu():
    arguments = SMALL | {"device": "cuda"}
    family = LineFamily()
    check_student(lambda seed: RslRlStudent(family, seed=seed, **arguments), family)
    host = reach()
    check_student(lambda seed: RslRlStudent(host, seed=seed, **arguments), host, exact=False)


def test_environments_may_reuse_their_tables(line):
    rows = []
    for line.kind in (Line, FreshLine):
        student = RslRlStudent(line, seed=0, **SMALL)
        rows.append([student.train(assign(student, line, first=100 * k)) for k in range(4)])
    for mine, fresh in zip(*rows, strict=True):
        assert len(mine)
        assert mine.score.tolist() == fresh.score.tolist()
        assert mine.signals["value_l1"].tolist() == fresh.signals["value_l1"].tolist()


def test_a_new_student_learns_and_one_with_the_advantages_turned_round_does_not(line):
    def learnt(turned):
        student = RslRlStudent(
            line,
            seed=0,
            n_envs=64,
            n_steps=16,
            device="cpu",
            options={"num_learning_epochs": 4, "entropy_coef": 0.0},
            policy={"hidden_dims": [32, 32], "activation": "tanh", "init_std": 0.5},
        )
        if turned:
            compute = student.ppo.alg.compute_returns

            def turn(obs):
                compute(obs)
                student.ppo.alg.storage.advantages.neg_()

            student.ppo.alg.compute_returns = turn
        before = student.evaluate(line.test_tasks(), seed=0).score.mean()
        for k in range(25):
            student.train(assign(student, line, first=1000 * k))
        return student.evaluate(line.test_tasks(), seed=0).score.mean() - before

    assert learnt(turned=False) > 4  # of about 11 at best
    assert learnt(turned=True) < 0


def test_queue_runs_dry_and_repeats_are_marked(line):
    student = RslRlStudent(line, seed=0, n_envs=4, n_steps=40, device="cpu", policy=SMALL["policy"])
    outcomes = student.train(assign(student, line))  # 8 tasks, but at least 20 episodes fit into the round
    assert len(outcomes) >= 20
    assert sorted(outcomes.ids[outcomes.ids >= 0]) == list(range(8))
    assert student.metrics()["repeated_tasks"] == len(outcomes) - 8 + 4
    assert len(student.holds()) == 0
    assert student.wants() >= 1.2 * len(outcomes)


def test_measured_tasks_are_not_trained_on_and_are_charged(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    student.train(assign(student, cartpole))
    trained = student.spent()["train"]
    mixed = Assignment(
        ids=np.arange(50, 55),
        tasks=cartpole.test_tasks()[:5],
        purpose=purposes(np.array([0, 0, 1, 0, 1], bool)),
    )
    outcomes = student.train(mixed)
    measured = np.isin(outcomes.ids, [50, 51, 53])
    assert measured.sum() == 3
    assert student.spent()["measure"] == outcomes.cost[measured].sum() > 0
    assert student.spent()["train"] == trained + 6 * 12
    assert np.isnan(outcomes.signals["value_l1"][measured]).all()
    only = student.train(assign(student, cartpole, first=100, learn=False))
    assert student.spent()["train"] == trained + 6 * 12
    assert only.ids.tolist() == list(range(100, 100 + len(only)))


def test_measuring_goes_on_exactly_whatever_was_tested_before(cartpole):
    student, resumed = (RslRlStudent(cartpole, seed=0, **SMALL) for _ in range(2))
    student.evaluate(cartpole.test_tasks()[:3], seed=0)
    student.train(assign(student, cartpole))
    resumed.load_state_dict(student.state_dict())
    one = Assignment(ids=np.array([99]), tasks=cartpole.test_tasks()[:1], purpose=purposes(np.array([False])))
    assert student.train(one).score.tolist() == resumed.train(one).score.tolist()


def test_without_snapshots_a_resumed_student_starts_new_episodes():
    family = reach()
    student, resumed = (RslRlStudent(family, seed=seed, **SMALL) for seed in (0, 5))
    student.train(assign(student, family))
    assert len(student.holds()) > len(student._rollout.queue)
    resumed.load_state_dict(student.state_dict())
    assert resumed.holds().tolist() == student._rollout.queue.ids.tolist()  # what was in the slots is lost
    assert student.ppo._discounted.any()
    assert not resumed.ppo._discounted.any()  # sums of rewards of those episodes
    lengths = resumed.train(assign(resumed, family, first=100)).signals["length"]
    assert lengths.max() <= 12


def test_loading_the_state_of_a_fresh_student_starts_over(cartpole):
    fresh, used = (RslRlStudent(cartpole, seed=0, **SMALL) for _ in range(2))
    state = fresh.state_dict()
    first = fresh.train(assign(fresh, cartpole))
    used.train(assign(used, cartpole))
    used.load_state_dict(state)
    again = used.train(assign(used, cartpole))
    assert again.score.tolist() == first.score.tolist()
    assert again.ids.tolist() == first.ids.tolist()


def test_updates_and_metrics(cartpole):
    options = {"num_learning_epochs": 3, "num_mini_batches": 2, "schedule": "fixed", "learning_rate": 1e-4}
    student = RslRlStudent(cartpole, seed=0, options=options, **SMALL)
    student.train(assign(student, cartpole))
    assert student.spent()["updates"] == 6
    steps = {float(entry["step"]) for entry in student.ppo.alg.optimizer.state.values()}
    assert steps == {6.0}
    assert student.metrics()["learning_rate"] == 1e-4
    assert {"loss/value", "loss/surrogate", "loss/entropy"} <= student.metrics().keys()
    assert student.spent()["environment_seconds"] > 0


def test_learning_rate_falls_with_the_budget(cartpole):
    options = {"learning_rate": "linear:1e-3", "schedule": "fixed"}
    student = RslRlStudent(cartpole, seed=0, budget=4 * 72, options=options, **SMALL)
    rates = []
    for k in range(4):
        student.train(assign(student, cartpole, first=100 * k))
        rates.append(student.metrics()["learning_rate"])
        assert student.ppo.alg.optimizer.param_groups[0]["lr"] == rates[-1]
    np.testing.assert_allclose(rates, [0.75e-3, 0.5e-3, 0.25e-3, 0.0], atol=1e-12)


def test_the_environment_s_own_word_on_success():
    student = RslRlStudent(reach(mastered=1e9), seed=0, **SMALL)
    found = student.evaluate(np.array([[0.1], [3.0]]), seed=0)
    assert found.signals["success"].tolist() == (found.signals["length"] < 15).tolist()
    trained = student.train(assign(student, student._family))
    assert trained.signals["success"].tolist() == (trained.signals["length"] < 15).tolist()


def test_the_world_keeps_its_generators_and_settings(cartpole):
    checks = torch.distributions.Distribution._validate_args
    torch.manual_seed(5)
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    student.train(assign(student, cartpole))
    student.evaluate(cartpole.test_tasks()[:2], seed=0)
    found = torch.rand(3).tolist()
    torch.manual_seed(5)
    assert found == torch.rand(3).tolist()
    assert torch.distributions.Distribution._validate_args == checks


def test_actions_stay_inside_the_bounds():
    seen = []

    class Spy(Reach):
        action_space = Box(np.array([-0.5, 0.0], np.float32), np.array([0.25, 2.0], np.float32))

        def step(self, action):
            seen.append(np.array(action))
            return super().step(action)

    family = family_from_gymnasium(Spy, test_tasks=2)
    student = RslRlStudent(family, seed=0, **SMALL)
    student.train(assign(student, family))
    taken = np.stack(seen)
    assert taken.dtype == np.float32
    assert taken.min(0).tolist() == [-0.5, 0.0]
    assert taken.max(0).tolist()[0] == 0.25
    trained_on = student.ppo.alg.storage.actions
    assert (trained_on[..., 0] < -0.5).any()  # what was sampled, before the bounds


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_reward_that_is_not_finite_names_slot_and_task_and_is_not_trained_on(line, value):
    class Broken(Line):
        def step(self, actions):
            obs, rewards, *ends = super().step(actions)
            rewards[2] = torch.where(self.now[2, 2] == 5, value, rewards[2])
            return obs, rewards, *ends

    line.kind = Broken
    student = RslRlStudent(line, seed=0, **SMALL)
    before = [p.clone() for p in student.ppo.alg.actor.parameters()]
    with pytest.raises(EpisodeError, match=r"slot 2, task \[-1.5\]: expected a finite reward, got (nan|inf)"):
        student.train(assign(student, line))
    assert all(map(torch.equal, before, student.ppo.alg.actor.parameters()))
    with pytest.raises(EpisodeError, match=r"slot 2, task \[-1.5\]: expected finite rewards"):
        student.evaluate(line.test_tasks()[:4], seed=0)


def test_an_observation_that_is_not_finite_names_slot_and_task(line):
    class Broken(Line):
        def step(self, actions):
            obs, *rest = super().step(actions)
            obs = obs.clone()
            obs[3, 1] = torch.where(self.now[3, 2] == 4, torch.nan, obs[3, 1])
            return obs, *rest

    line.kind = Broken
    student = RslRlStudent(line, seed=0, **SMALL)
    with pytest.raises(EpisodeError, match=r"slot 3, task \[-0.75\]: .*finite observation, got \[.*nan"):
        student.train(assign(student, line))


def test_an_update_that_diverges_is_an_error(line):
    options = {"schedule": "fixed", "learning_rate": 1e30}
    student = RslRlStudent(line, seed=0, options=options, **SMALL)
    with pytest.raises(FloatingPointError, match=r"expected finite losses, got \{'loss/value': (inf|nan)"):
        student.train(assign(student, line))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"n_envs": 0}, ValueError, "n_envs"),
        ({"n_envs": 1, "n_steps": 1}, ValueError, "more than 1"),
        ({"device": "tpu"}, ValueError, "device: expected 'auto', 'cpu' or 'cuda', got 'tpu'"),
        ({"device": "cuda:99"}, ValueError, "cuda:99"),
        ({"normalize": "both"}, ValueError, "normalize: expected one of .*'observations'.*got 'both'"),
        ({"options": {"learning_rate": "linear:3e-4"}}, ValueError, "budget"),
        ({"options": {"learning_rate": "linear:3e-4"}, "budget": 9.0}, ValueError, "schedule='fixed'"),
        ({"options": {"learning_rate": "3e-4"}}, ValueError, "expected a number or 'linear:number'"),
        ({"options": {"schedule": "linear"}}, ValueError, "expected 'adaptive' or 'fixed', got 'linear'"),
        ({"options": {"num_mini_batches": 73}}, ValueError, "num_mini_batches: .*from 1 to 72, got 73"),
        ({"options": {"optimizer": "lion"}}, ValueError, "adamw"),
        (
            {"options": {"epochs": 3}},
            TypeError,
            r"options: expected names of \['num_learning_epochs'.*'epochs'",
        ),
        ({"options": {"rnd_cfg": {}}}, TypeError, "got 'rnd_cfg'"),
        ({"options": "x"}, TypeError, "options: expected names and values of"),
        ({"policy": {"layers": 3}}, TypeError, r"policy: expected names of \['hidden_dims'.*got 'layers'"),
        ({"policy": {"activation": "sine"}}, ValueError, "sine"),
        ({"policy": {"std_type": "cubic"}}, ValueError, "cubic"),
        ({"policy": {"class_name": "CNNModel"}}, ValueError, r"'RNNModel'\], got 'CNNModel'"),
        ({"policy": {"rnn_type": "gru"}}, ValueError, r"class_name='RNNModel' beside \['rnn_type'\]"),
        ({"policy": RECURRENT | {"rnn_type": "rnn"}}, ValueError, r"\['lstm', 'gru'\], got 'rnn'"),
        ({"policy": RECURRENT | {"rnn_num_layers": 0}}, ValueError, "rnn_num_layers: .*from 1 .*got 0"),
        (
            {"policy": RECURRENT, "options": {"num_mini_batches": 7}},
            ValueError,
            "num_mini_batches: expected an integer from 1 to 6, got 7",
        ),
    ],
)
def test_bad_arguments(options, error, words):
    with pytest.raises(error, match=words):
        RslRlStudent(reach(), seed=0, **(SMALL | options))


def test_spaces_that_the_networks_do_not_take():
    class Pairs(Reach):
        action_space = MultiDiscrete([2, 2])

    class Parts(Reach):
        observation_space = DictSpace({"x": Box(-10, 10, (1,), np.float32)})

        def _obs(self):
            return {"x": np.array([self.x], np.float32)}

    with pytest.raises(
        TypeError, match=r"expected actions in a Box of floats or Discrete, got MultiDiscrete"
    ):
        RslRlStudent(family_from_gymnasium(Pairs, test_tasks=2), seed=0, **SMALL)
    with pytest.raises(TypeError, match="expected observations in a Box"):
        RslRlStudent(family_from_gymnasium(Parts, test_tasks=2), seed=0, **SMALL)
    with pytest.raises(TypeError, match="RLFamily"):
        RslRlStudent(object(), seed=0, **SMALL)


def test_first_round_without_tasks_is_an_error(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    with pytest.raises(ValueError, match="expected an assignment"):
        student.train(Assignment(ids=np.zeros(0, int), tasks=np.zeros((0, 4))))


def test_a_teacher_that_needs_a_missing_signal_is_refused():
    class Greedy(Teacher):
        accepts = (Parameters,)
        needs = frozenset({"success", "value_l1"})

        def _ask(self, ids, progress):
            return Assignment(ids=ids, tasks=np.zeros((len(ids), 1)))

        def _tell(self, outcomes):
            pass

        def _state(self):
            return {}

        def _load(self, state):
            pass

    family = reach()
    student = RslRlStudent(family, seed=0, **SMALL)
    with pytest.raises(ValueError, match="needs the signal 'success', which RslRlStudent does not offer"):
        check_fit(family, Greedy(family.space, seed=0), student)
    check_fit(
        reach(mastered=0.0), Greedy(family.space, seed=0), RslRlStudent(reach(mastered=0.0), seed=0, **SMALL)
    )


def test_a_missing_package_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "rsl_rl.algorithms", None)
    with pytest.raises(ImportError, match=r"expected the package rsl-rl-lib.*teacherstudent\[rsl-rl\]"):
        RslRlStudent(reach(), seed=0)


def test_the_library_is_imported_when_a_student_is_made():
    code = (
        "import sys, teacherstudent.students as s; s.entries(); s.get('rsl-rl'); "
        "assert 'rsl_rl' not in sys.modules; assert 'tensordict' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_test_slots_are_few_and_closed(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    tasks = cartpole.test_tasks()
    for n in (1, 3, 4, 20):
        assert len(student.evaluate(tasks[:n], seed=0)) == n
    assert sorted(student._test_envs) == [1, 4, 6]
    assert all(isinstance(made, HostTensorEnvs) for made in student._test_envs.values())
    student.close()
