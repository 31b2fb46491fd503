"""Steps of tensors: none waits for the device, and errors are named."""

import numpy as np
import pytest
import torch
from lines import RECURRENT, SMALL, Line, LineFamily
from torch.utils._python_dispatch import TorchDispatchMode

from reaching import assign
from teacherstudent.contract.accounts.failures import Failures
from teacherstudent.contract.types import Assignment
from teacherstudent.students.rollouts.play import EpisodeError
from teacherstudent.students.rsl_rl.ppo import RslRlPPO
from teacherstudent.students.rsl_rl.queue import TensorQueue
from teacherstudent.students.rsl_rl.rollout import TensorRollout
from teacherstudent.students.rsl_rl.student import RslRlStudent


class FreshLine(Line):
    """The same, in new tables at every call."""

    def start(self, mask, tasks, seeds):
        return super().start(mask, tasks, seeds).clone()

    def step(self, actions):
        return tuple(table.clone() for table in super().step(actions))


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


def test_environments_may_reuse_their_tables(line):
    rows = []
    for line.kind in (Line, FreshLine):
        student = RslRlStudent(line, seed=0, **SMALL)
        rows.append([student.train(assign(student, line, first=100 * k)) for k in range(4)])
    for mine, fresh in zip(*rows, strict=True):
        assert len(mine)
        assert mine.score.tolist() == fresh.score.tolist()
        assert mine.signals["value_l1"].tolist() == fresh.signals["value_l1"].tolist()


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
