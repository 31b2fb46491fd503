"""Rounds of level design in a loop of one's own."""

import gymnasium as gym
import numpy as np
import pytest
import torch
from adapted import HEIGHT, Heights
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from rollout_tables import ADVANTAGES, DONES, REWARDS, SPACE, TAIL, VALUES, Rollouts

from teacherstudent import TaskReset, TeacherServer, teachers
from teacherstudent.adapters.levels.rounds import LevelRounds
from teacherstudent.contract.purposes import Purpose

MIXED = np.array([Purpose.EDIT, Purpose.TRAIN])


def tell(rounds, **changed):
    tables = {"values": VALUES, "advantages": ADVANTAGES} | changed
    return rounds.tell(REWARDS, DONES, **tables)


def test_a_round_by_hand():
    teacher = Rollouts(
        SPACE, needs=("episodes", "value_l1"), purposes=(Purpose.MEASURE, Purpose.TRAIN, MIXED)
    )
    rounds = LevelRounds(teacher, 2, budget=32)
    chosen = []
    for _ in range(3):
        assignment = rounds.ask()
        assert rounds.open
        assert rounds.tasks is assignment.tasks
        assert rounds.learn.tolist() == assignment.learn.tolist()
        chosen.append(tell(rounds))
    assert [each.tolist() for each in chosen] == [[], list(range(8)), [1, 3, 5, 7]]
    # Slot 1 alone: its steps in tables that are flattened.
    assert REWARDS.reshape(8)[chosen[2]].tolist() == REWARDS[:, 1].tolist()
    assert rounds.spent == {"train": 8 + 4, "measure": 8, "edit": 4}
    assert teacher.paces == [0, 0.25, 0.5]
    for told in teacher.told:
        assert told.score.tolist() == [2, 4 + TAIL]
        assert told.cost.tolist() == [4, 4]
        assert told.signals["value_l1"].tolist() == [(1 + 1.5) / 2, 2]
        assert told.signals["cut"].tolist() == [0, 1]
    assert [told.purpose.tolist() for told in teacher.told] == [[1, 1], [0, 0], [2, 0]]
    assert rounds.metrics() == {"spent/train": 12, "spent/measure": 8, "spent/edit": 4}


def test_tensors_and_arrays_are_told_alike():
    found = []
    for kind in (np.asarray, lambda table: torch.from_numpy(table).requires_grad_(table.dtype == float)):
        teacher = Rollouts(SPACE, needs=("td_error", "mean_value"))
        rounds = LevelRounds(teacher, 2, discount=0.5)
        rounds.ask()
        rounds.tell(*map(kind, (REWARDS, DONES)), values=kind(VALUES), advantages=kind(ADVANTAGES))
        found.append({name: values.tolist() for name, values in teacher.told[0].signals.items()})
    assert found[0] == found[1]
    assert found[0]["td_error"] == [1.5, 11 / 4]


def test_a_round_is_told_of_before_the_next():
    teacher = Rollouts(SPACE)
    rounds = LevelRounds(teacher, 2)
    for wrong in (lambda: tell(rounds), lambda: rounds.tasks, lambda: rounds.learn):
        with pytest.raises(RuntimeError, match=r"expected reset\(\) or ask\(\) first, which begins a round"):
            wrong()
    rounds.ask()
    with pytest.raises(RuntimeError, match=r"expected tell\(\) of the round under way before the next one"):
        rounds.ask()
    rounds.drop()
    rounds.drop()
    assert not teacher.outstanding.size
    rounds.ask()
    tell(rounds)
    with pytest.raises(RuntimeError, match=r"expected reset\(\) or ask\(\) first"):
        tell(rounds)
    assert len(teacher.told) == 1


def test_what_is_refused_leaves_the_round_open():
    teacher = Rollouts(SPACE, needs=("success", "value_l1"))
    rounds = LevelRounds(teacher, 2, steps=4)
    rounds.ask()
    for changed, words in (
        ({}, "success: expected a table, as Rollouts needs it, or .*mastered="),
        (
            {"advantages": None, "success": DONES},
            r"advantages: expected .* as the teacher needs \['value_l1'\]",
        ),
        ({"values": VALUES[:3], "success": DONES}, r"values: expected shape \(4, 2\), got \(3, 2\)"),
    ):
        with pytest.raises(ValueError, match=words):
            tell(rounds, **changed)
    with pytest.raises(ValueError, match="expected rollouts of steps=4 in each slot, got one of 2"):
        rounds.tell(REWARDS[:2], DONES[:2])
    assert rounds.open
    assert tell(rounds, success=DONES).tolist() == list(range(8))
    assert teacher.told[0].signals["success"].tolist() == [1, 0]


def test_a_teacher_that_needs_no_values_is_told_without():
    teacher = teachers.make("domain-randomization", SPACE, seed=0)
    rounds = LevelRounds(teacher, 2)
    rounds.ask()
    ends = DONES.copy()
    ends[3, 1] = True
    rounds.tell(REWARDS, ends)
    assert teacher.metrics()["unfinished_share"] == 0
    rounds.ask()
    with pytest.raises(ValueError, match=r"slots \[1\] completed no episode"):
        rounds.tell(REWARDS, DONES)


def test_bad_arguments():
    teacher = Rollouts(SPACE)
    for options, error, words in (
        ({"slots": 0}, ValueError, "slots: expected a whole number of at least 1"),
        ({"slots": 2, "discount": 2.0}, ValueError, "discount: expected a finite number of at least 0"),
        ({"slots": 2, "budget": 0}, ValueError, "budget: expected steps above 0"),
        ({"slots": 2, "apply": print}, TypeError, "apply: expected a vector environment with it, got 2"),
    ):
        with pytest.raises(error, match=words):
            LevelRounds(teacher, **options)
    for call in (lambda rounds: rounds.reset(), lambda rounds: rounds.restart(np.ones(2, bool))):
        with pytest.raises(TypeError, match=r"expected LevelRounds\(teacher, envs\), got one of 2 slots"):
            call(LevelRounds(teacher, 2))


def made(kind):
    if kind == "family":
        from teacherstudent import family_from_gymnasium

        return family_from_gymnasium(Heights, space=HEIGHT, test_tasks=7, max_episode_steps=9).make_vec(2)
    return SyncVectorEnv([Heights] * 2, autoreset_mode=kind)


@pytest.mark.parametrize("kind", [*AutoresetMode, "family"])
def test_slots_play_their_level_for_the_whole_rollout(kind):
    """Episodes last five steps; a new round starts all of them, in the midst of an episode too."""
    envs = made(kind)
    rounds = LevelRounds(Rollouts(HEIGHT), envs)
    for _ in range(3):
        observations, _ = rounds.reset(seed=0)
        levels = rounds.tasks[:, 0].astype(np.float32)
        seen, rewards, dones = [], [], []
        for _ in range(7):
            seen.append(observations[:, 0].copy())
            observations, reward, terminated, truncated, _ = envs.step(np.zeros(2, int))
            rewards.append(reward)
            dones.append(terminated | truncated)
            if kind in (AutoresetMode.DISABLED, "family") and dones[-1].any():
                observations, _ = rounds.restart(dones[-1])
        np.testing.assert_array_equal(seen, np.tile(levels, (7, 1)))
        assert np.stack(dones).sum() == 2
        rounds.tell(rewards, dones)
    scores = [told.score for told in rounds.teacher.told]
    np.testing.assert_allclose(scores, [5 * told.tasks[:, 0] for told in rounds.teacher.told], rtol=1e-6)
    envs.close()


def test_levels_reach_slots_in_other_processes_and_by_a_function():
    envs = gym.vector.AsyncVectorEnv([lambda: TaskReset(Heights())] * 2)
    rounds = LevelRounds(Rollouts(HEIGHT), envs)
    observations, _ = rounds.reset()
    np.testing.assert_allclose(observations[:, 0], rounds.tasks[:, 0], rtol=1e-6)
    envs.close()
    heights = []
    rounds = LevelRounds(
        Rollouts(HEIGHT), SyncVectorEnv([_Own] * 2), apply=lambda env, task: heights.append(task[0])
    )
    rounds.reset()
    assert heights == rounds.tasks[:, 0].tolist()


class _Own(Heights):
    """It is not given its task by reset."""

    def reset(self, *, seed=None, options=None):
        return super().reset(seed=seed, options={"task": [0.5]})


def test_robust_plr_fills_its_buffer_and_replays_without_a_step_on_new_levels():
    """Levels are as good as their number, and learnt from only once they are in the buffer."""
    teacher = teachers.make("robust-plr", SPACE, seed=0, score="value_l1")
    rounds = LevelRounds(teacher, 4, budget=4 * 8 * 60, steps=8)
    assert teacher.buffer.capacity < 100
    ends = np.zeros((8, 4), bool)
    ends[-1] = True
    trained, measured = [], []
    for _ in range(60):
        levels = rounds.ask().tasks[:, 0]
        before = teacher.buffer.levels[:, 0].tolist()
        table = np.tile(levels, (8, 1))
        chosen = rounds.tell(table, ends, values=table, advantages=table)
        assert len(chosen) in (0, 32)
        (trained if len(chosen) else measured).append(levels)
        if len(chosen):
            assert np.isin(levels, before).all(), "only levels of the buffer are trained on"
    assert len(teacher.buffer) == teacher.buffer.capacity
    assert 10 < len(trained) < 50
    assert rounds.spent == {"train": 32.0 * len(trained), "measure": 32.0 * len(measured)}
    assert np.mean(trained) > np.mean(measured) + 0.1
    assert teacher.metrics()["replay_share"] == len(trained) / 60


def test_saving_and_loading(tmp_path):
    one, two = (
        LevelRounds(teachers.make("plr", SPACE, seed=seed, score="value_l1"), 2, budget=80, steps=4)
        for seed in (0, 1)
    )
    for _ in range(3):
        one.ask()
        tell(one)
    one.ask()
    one.save(tmp_path / "levels.npz")
    assert two.load(tmp_path / "levels.npz") == 2
    assert two.spent == one.spent == {"train": 24.0}
    one.drop()
    assert one.ask().tasks.tolist() == two.ask().tasks.tolist()


def test_a_client_of_a_teacher_elsewhere():
    teacher = Rollouts(SPACE, needs=("episodes",), purposes=(Purpose.MEASURE,))
    with TeacherServer(teacher) as server, server.client() as client:
        rounds = LevelRounds(client, 2)
        assert not rounds.ask().learn.any()
        assert len(tell(rounds)) == 0
        client.flush()
        with pytest.raises(TypeError, match=r"LevelRounds\.save: expected a teacher of this process"):
            rounds.save("levels.npz")
    assert teacher.told[0].signals["cut"].tolist() == [0, 1]
