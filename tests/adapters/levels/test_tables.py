"""Tables of a rollout: what they are scored as, and which are refused."""

import numpy as np
import pytest
import torch
from rollout_tables import ADVANTAGES, DONES, REWARDS, TAIL, VALUES

from teacherstudent.adapters.levels.tables import Tables, read

GIVEN = {"rewards": REWARDS, "dones": DONES, "values": VALUES, "advantages": ADVANTAGES}
WANTED = ("value_l1", "positive_value_loss", "td_error", "mean_value")


def scores(given, wanted=WANTED, mastered=None):
    found = read(2, "here", **given).scores(wanted, "here", discount=0.5, mastered=mastered)
    return {name: values.tolist() for name, values in found.items()}


@pytest.mark.parametrize("kind", [np.asarray, torch.from_numpy, np.ndarray.tolist])
def test_signals_by_hand(kind):
    found = scores({name: kind(table) for name, table in GIVEN.items()}, mastered=2.0)
    assert found["episodes"] == [2, 0]
    assert found["length"] == [2, 4]
    # The second slot's return so far is 4; what the rest is expected to bring is added.
    assert found["score"] == [(3 + 1) / 2, 4 + TAIL]
    assert found["max_return"] == [3, 4 + TAIL]
    assert found["cut"] == [0, 1]
    assert found["success"] == [1 / 2, 0]
    assert found["value_l1"] == [((1 + 1) / 2 + (2 + 1) / 2) / 2, 8 / 4]
    assert found["positive_value_loss"] == [(1 / 2 + 2 / 2) / 2, 6 / 4]
    assert found["mean_value"] == [((1 + 3) / 2 + (0 + 2) / 2) / 2, 8 / 4]
    # A_t - 0.5 A_(t+1) within an episode: 1.5, -1 | 2.5, -1; and 3, -2, -2, 4.
    assert found["td_error"] == [(2.5 / 2 + 3.5 / 2) / 2, 11 / 4]


def test_only_what_is_wanted_is_computed_or_asked_for():
    found = scores({"rewards": REWARDS[:, :1].repeat(2, 1), "dones": DONES[:, :1].repeat(2, 1)}, ())
    assert found.keys() == {"score", "episodes", "length", "max_return", "cut"}
    assert found["cut"] == [0, 0]
    for name, wanted in (("advantages", "value_l1"), ("values", "mean_value")):
        given = {key: table for key, table in GIVEN.items() if key != name}
        with pytest.raises(ValueError, match=f"here: {name}: expected an array or tensor .*{wanted}"):
            scores(given, (wanted,))


def test_a_slot_without_an_episode_needs_values():
    for name in ("advantages", "values"):
        given = {key: table for key, table in GIVEN.items() if key != name}
        with pytest.raises(ValueError, match=r"slots \[1\] completed no episode in 4 steps: expected values"):
            scores(given, ())


def test_success_counts_where_an_episode_ended():
    success = np.array([[1.0, 1], [0, 1], [1, 1], [1, 1]])
    assert scores(GIVEN | {"success": success})["success"] == [1 / 2, 0]
    # The environments' word comes before the return.
    for word in (0, 1):
        assert scores(GIVEN | {"success": np.full((4, 2), word)}, mastered=2.0)["success"] == [word, 0]
    strange = success.copy()
    strange[0] = 7  # no episode ends there
    assert scores(GIVEN | {"success": strange})["success"] == [1 / 2, 0]


def test_values_of_scaled_rewards_are_led_back():
    plain = read(2, "here", **GIVEN)
    scaled = Tables(
        rewards=plain.rewards,
        ends=plain.ends,
        values=plain.values / 4,
        advantages=plain.advantages / 4,
        told=None,
        learnt=plain.rewards / 4,
        scale=4.0,
    )
    one, two = (t.scores(("mean_value",), "", discount=0.5, mastered=None) for t in (plain, scaled))
    for name in one:
        assert one[name].tolist() == two[name].tolist()


@pytest.mark.parametrize(
    ("changed", "error", "words"),
    [
        ({"rewards": REWARDS[:, :1]}, ValueError, r"rewards: expected shape \(steps, 2\), got \(4, 1\)"),
        ({"rewards": REWARDS[0]}, ValueError, r"rewards: expected shape \(steps, 2\), got \(2,\)"),
        ({"rewards": REWARDS[:0]}, ValueError, r"rewards: expected shape \(steps, 2\), got \(0, 2\)"),
        ({"dones": DONES[1:]}, ValueError, r"dones: expected shape \(4, 2\), got \(3, 2\)"),
        ({"values": VALUES[..., None]}, ValueError, r"values: expected shape \(4, 2\), got \(4, 2, 1\)"),
        ({"advantages": ADVANTAGES.T}, ValueError, r"advantages: expected shape \(4, 2\), got \(2, 4\)"),
        ({"dones": DONES * 2}, ValueError, r"dones: step 1, slot 0: expected True or False, got 2"),
        ({"success": DONES * 0.5}, ValueError, r"success: step 1, slot 0: expected True or False, got 0.5"),
        ({"rewards": REWARDS + np.inf}, ValueError, r"rewards: step 0, slot 0: expected a finite .* got inf"),
        ({"values": VALUES * np.nan}, ValueError, r"values: step 0, slot 0: expected a finite .* got nan"),
        ({"rewards": [[1, 2], [3]]}, TypeError, "rewards: expected an array or tensor"),
        ({"rewards": "many"}, TypeError, "rewards: expected an array or tensor .* of numbers"),
    ],
)
def test_refused_tables(changed, error, words):
    with pytest.raises(error, match=f"here: {words}"):
        read(2, "here", **(GIVEN | changed))
