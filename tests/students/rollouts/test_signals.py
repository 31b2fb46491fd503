import numpy as np

from teacherstudent.students.rollouts.signals import RolloutSignals


def test_by_hand_one_slot_two_episodes():
    signals = RolloutSignals(1, discount=0.5)
    advantages = [[1.0], [-2.0], [3.0], [4.0]]
    starts = [[1], [0], [1], [0]]  # episodes: steps 0-1, steps 2-3 (ended by dones)
    found = signals.update(advantages, starts, [True])
    np.testing.assert_allclose(found["value_l1"], [1.5, 3.5])
    np.testing.assert_allclose(found["positive_value_loss"], [0.5, 3.5])
    # delta: 1 - .5*(-2) = 2; -2 (last step); 3 - .5*4 = 1; 4 (last step)
    np.testing.assert_allclose(found["td_error"], [(2 + 2) / 2, (1 + 4) / 2])


def test_episode_over_three_rollouts():
    signals = RolloutSignals(1, discount=0.0)
    assert signals.update([[1.0], [2.0]], [[1], [0]], [False])["value_l1"].size == 0
    assert signals.update([[3.0], [-6.0]], [[0], [0]], [False])["value_l1"].size == 0
    found = signals.update([[8.0], [5.0]], [[0], [1]], [False])
    np.testing.assert_allclose(found["value_l1"], [(1 + 2 + 3 + 6 + 8) / 5])
    found = signals.update([[7.0], [0.0]], [[0], [0]], [True])
    np.testing.assert_allclose(found["value_l1"], [(5 + 7 + 0) / 3])


def reference(advantages, ends, discount):
    """Episode by episode, in plain Python, over an endless rollout."""
    rows = []
    for slot in range(advantages.shape[1]):
        first = 0
        for t in np.flatnonzero(ends[:, slot]):
            a = advantages[first : t + 1, slot]
            delta = a - discount * np.append(a[1:], 0)
            rows.append((t, slot, np.abs(a).mean(), np.maximum(a, 0).mean(), np.abs(delta).mean()))
            first = t + 1
    return sorted(rows)


def test_equals_a_plain_loop_over_episodes_cut_into_rollouts():
    rng = np.random.default_rng(0)
    steps, slots, cut = 60, 5, 12
    advantages, ends = rng.normal(size=(steps, slots)), rng.random((steps, slots)) < 0.15
    ends[cut - 1 :: cut] |= rng.random((steps // cut, slots)) < 0.5
    starts = np.vstack([np.ones((1, slots), bool), ends[:-1]])
    signals = RolloutSignals(slots, discount=0.9)
    rows = []
    for k in range(0, steps, cut):
        part = slice(k, k + cut)
        found = signals.update(advantages[part], starts[part], ends[k + cut - 1])
        order = np.argwhere(ends[part])
        state = signals.state_dict()
        signals = RolloutSignals(slots, discount=0.9)
        signals.load_state_dict(state)
        rows += [(t + k, slot, *(found[name][i] for name in found)) for i, (t, slot) in enumerate(order)]
    expected = reference(advantages, ends, 0.9)
    # a temporal-difference error at the cut of a rollout lacks the next advantage: bootstrapped, not seen
    np.testing.assert_allclose(np.array(sorted(rows))[:, :4], np.array(expected)[:, :4])
    whole = RolloutSignals(slots, discount=0.9).update(advantages, starts, ends[-1])
    np.testing.assert_allclose(sorted(whole["td_error"]), sorted(r[4] for r in expected))
