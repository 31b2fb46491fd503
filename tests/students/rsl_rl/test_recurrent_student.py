"""The rsl_rl student with recurrent networks."""

import numpy as np
import pytest
import torch
from binding import all_of
from gymnasium.spaces import Box, Discrete
from rsl_rl.models import RNNModel

from reaching import assign, reach
from teacherstudent.contract.family import RLFamily
from teacherstudent.contract.purposes import purposes
from teacherstudent.contract.spaces import Parameters
from teacherstudent.contract.types import Assignment
from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.slots.tensor_envs import make_tensor_envs
from teacherstudent.students.rsl_rl import student as rsl_rl
from teacherstudent.students.rsl_rl.ppo import RslRlPPO
from teacherstudent.students.rsl_rl.student import RslRlStudent
from teacherstudent.testing.students import check_student

LSTM = {"class_name": "RNNModel", "rnn_hidden_dim": 8, "hidden_dims": [16]}
GRU = LSTM | {"rnn_type": "gru", "rnn_num_layers": 2}
SMALL = {"n_envs": 6, "n_steps": 12, "device": "cpu", "policy": LSTM}
LEARN = np.array([True, False, True, False, True, False])


class Cue:
    """Only the first observation says which of two actions is paid, at the third step."""

    def __init__(self, n, device):
        self.num_envs, self.device = n, device
        self.single_observation_space = Box(-1, 1, (2,), np.float32)
        self.single_action_space = Discrete(2)
        self.cue, self.time = torch.zeros(2, n, dtype=torch.int64, device=device)

    def _obs(self):
        shown = torch.where(self.time == 0, 2 * self.cue - 1, 0)
        return torch.stack([shown, self.time / 3], 1).float()

    def start(self, mask, tasks, seeds):
        self.cue = torch.where(mask, seeds % 2, self.cue)
        self.time = torch.where(mask, 0, self.time)
        return self._obs()

    def step(self, actions):
        self.time = self.time + 1
        done = self.time == 3
        return self._obs(), (done & (actions == self.cue)).float(), done, torch.zeros_like(done)

    def get_state(self):
        return {"cue": self.cue.numpy().copy(), "time": self.time.numpy().copy()}

    def set_state(self, state):
        self.cue, self.time = torch.from_numpy(state["cue"]), torch.from_numpy(state["time"])

    def close(self):
        """Nothing to free."""


class CueFamily(RLFamily):
    space = Parameters(nothing=(0, 1))
    test_set = "cue"
    mastered = 0.5

    def test_tasks(self):
        return np.linspace(0, 1, 32)[:, None]

    def make_tensors(self, n, device):
        return Cue(n, device)

    def make_vec(self, n, *, processes=1):
        raise AssertionError("the host is not needed")

    make_env = make_vec


@pytest.fixture
def cue(monkeypatch):
    """Return a family of tensors, which the student otherwise takes on a GPU only."""
    monkeypatch.setattr(
        rsl_rl, "make_tensor_envs", lambda family, n, device, **_: family.make_tensors(n, device)
    )
    return CueFamily()


def bound(family, **options):
    student = RslRlStudent(family, seed=0, **{**SMALL, **options})
    student.bind(all_of(student))
    return student


def trained(student):
    """Return the networks' and the optimiser's numbers."""
    state = student.ppo.state_dict()
    return [state[name] for name in ("actor", "critic", "optimizer", "learning_rate", "reward_moments")]


def arrays(state):
    if isinstance(state, dict | list):
        parts = state.values() if isinstance(state, dict) else state
        return [array for part in parts for array in arrays(part)]
    return [np.asarray(state)]


def equal(mine, theirs):
    return all(np.array_equal(a, b) for a, b in zip(arrays(mine), arrays(theirs), strict=True))


@pytest.mark.parametrize("policy", [LSTM, GRU])
def test_learning_is_that_of_torch_s_layers(monkeypatch, cartpole, policy):
    """Losses, episodes and weights of the same seed, over ends of episodes and of rollouts."""
    # the adaptive schedule looks at the sign of a divergence that is rounding alone in the first epoch
    options = {"schedule": "fixed", "learning_rate": 1e-3}
    given = SMALL | {"policy": policy, "normalize": "observations", "options": options}
    own, torch_s = (RslRlStudent(cartpole, seed=0, **given) for _ in range(2))
    applies, used = packed_rnn.applies, []

    def watched(rnn, x):
        used.append(applies(rnn, x))
        return used[-1]

    for k in range(4):
        monkeypatch.setattr(packed_rnn, "applies", watched)
        mine = own.train(assign(own, cartpole, first=100 * k))
        monkeypatch.setattr(packed_rnn, "applies", lambda rnn, x: False)
        theirs = torch_s.train(assign(torch_s, cartpole, first=100 * k))
        assert mine.score.tolist() == theirs.score.tolist()
        assert own.metrics() == pytest.approx(torch_s.metrics(), rel=1e-4, abs=1e-5)
    assert all(used)
    assert len(used) > 100
    for name in ("actor", "critic"):
        mine, theirs = (arrays(s.ppo.state_dict()[name]) for s in (own, torch_s))
        assert all(np.allclose(a, b, rtol=1e-3, atol=1e-4) for a, b in zip(mine, theirs, strict=True))


@pytest.mark.parametrize("policy", [LSTM, GRU])
def test_a_weight_that_is_not_finite_ends_in_an_error(cartpole, policy):
    student = RslRlStudent(cartpole, seed=0, **(SMALL | {"policy": policy}))
    with torch.no_grad():
        student.ppo.alg.critic.rnn.rnn.weight_hh_l0[0, 0] = np.nan
    with pytest.raises(FloatingPointError, match="expected finite losses"):
        student.train(assign(student, cartpole))


def test_parameters_have_the_names_of_rsl_rl_s_own(cartpole):
    network = RslRlStudent(cartpole, seed=0, **SMALL).ppo.alg.actor
    names = [f"rnn.rnn.{kind}_l0" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
    assert set(names) <= set(network.state_dict())
    assert [name for name, _ in network.rnn.named_parameters()] == [n.removeprefix("rnn.") for n in names]
    library = RNNModel.__new__(RNNModel)
    library.__dict__ = network.__dict__
    assert library.state_dict().keys() == network.state_dict().keys()


def test_the_update_takes_the_same_memory_again(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    seen = []
    for k in range(3):
        student.train(assign(student, cartpole, first=100 * k))
        tables = [network._tables._free for network in (student.ppo.alg.actor, student.ppo.alg.critic)]
        assert [len(free) for free in tables] == [1, 1]
        seen.append([free[0].data_ptr() for free in tables])
    assert seen[1] == seen[2]


@pytest.mark.parametrize(("policy", "normalize"), [(LSTM, True), (GRU, False)])
def test_contract_with_exact_resume(cartpole, policy, normalize):
    given = SMALL | {"policy": policy, "normalize": normalize}
    check_student(lambda seed: RslRlStudent(cartpole, seed=seed, **given), cartpole, rounds=2)


def test_contract_without_snapshots():
    family = reach()
    check_student(lambda seed: RslRlStudent(family, seed=seed, **SMALL), family, exact=False)


@pytest.mark.parametrize("policy", [LSTM, {"hidden_dims": [16]}])
def test_what_was_seen_first_is_answered_later_with_memory_alone(cue, policy):
    options = {"num_learning_epochs": 4, "num_mini_batches": 2, "schedule": "fixed", "learning_rate": 1e-2}
    given = {"n_envs": 64, "n_steps": 12, "device": "cpu", "policy": policy, "options": options}
    student = RslRlStudent(cue, seed=0, **given)
    for k in range(25):
        student.train(assign(student, cue, first=1000 * k))
    solved = student.evaluate(cue.test_tasks(), seed=0).score.mean()
    assert solved == 1.0 if policy is LSTM else solved < 0.8


@pytest.mark.parametrize("policy", [LSTM, GRU])
def test_the_update_starts_from_what_the_rollout_played(cartpole, policy):
    """Actions' probabilities and values are those of the rollout, over ends of episodes and of rollouts."""
    student = RslRlStudent(cartpole, seed=0, **(SMALL | {"policy": policy, "normalize": "observations"}))
    ppo, seen = student.ppo, []

    def compare(learn=None):
        storage = ppo.alg.storage
        for batch in storage.recurrent_mini_batch_generator(4, 1):
            given = {"masks": batch.masks}
            ppo.alg.actor(
                batch.observations, hidden_state=batch.hidden_states[0], stochastic_output=True, **given
            )
            found = ppo.alg.actor.get_output_log_prob(batch.actions)
            assert torch.allclose(found, batch.old_actions_log_prob[:, 0], atol=1e-5)
            values = ppo.alg.critic(batch.observations, hidden_state=batch.hidden_states[1], **given)
            assert torch.allclose(values, batch.values, atol=1e-5)
            seen.append(len(values))
        assert sum(seen[-4:]) == 72
        assert sorted(seen[-4:]) == [12, 12, 24, 24]
        return {}

    ppo.update = compare
    ends = []
    for k in range(3):
        student.train(assign(student, cartpole, first=100 * k))
        ends.append(ppo.alg.storage.dones[:-1].any().item())
    assert any(ends)
    assert ppo.alg.storage.first[0][0].abs().amin() > 0  # no slot's episode began with the last rollout


def test_hidden_states_are_zero_where_an_episode_starts(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    ppo, checked = student.ppo, []
    ended = ppo.ended

    def watch(done):
        ended(done)
        for network in (ppo.alg.actor, ppo.alg.critic):
            for part in network.get_hidden_state():
                assert (part[:, done] == 0).all()
                assert (part[:, ~done] != 0).any(-1).all()
        checked.append(int(done.sum()))

    ppo.ended = watch
    for k in range(3):
        student.train(assign(student, cartpole, first=100 * k))
    assert len(checked) == 36
    assert sum(checked) > 3


def test_a_bound_rollout_starts_without_a_memory(cartpole):
    student = bound(cartpole)
    for k in range(2):
        student.train(assign(student, cartpole, first=6 * k))
        assert student.ppo.alg.storage.first == ((), ())
    assert all(part.any() for part in student.ppo.alg.actor.get_hidden_state())


def test_an_episode_cut_by_the_time_limit_is_bootstrapped_with_the_memory_there():
    family = reach()
    student = RslRlStudent(family, seed=0, **(SMALL | {"normalize": False, "n_steps": 40}))
    ppo, found = student.ppo, {}
    values_of_cut, ended = ppo._values_of_cut, ppo.ended
    remembered = []

    def keep(done):
        remembered.append(ppo.alg.critic.get_hidden_state())
        ended(done)

    def spy(last, cut):
        before = ppo.alg.critic.get_hidden_state()
        found.update(zip(("times", "slots", "values"), values_of_cut(last, cut), strict=True))
        assert all(map(torch.equal, before, ppo.alg.critic.get_hidden_state()))
        expected = []
        for t, slot in zip(found["times"].tolist(), found["slots"].tolist(), strict=True):
            hidden = tuple(part[:, slot : slot + 1].contiguous() for part in remembered[t])
            ppo.alg.critic.reset(hidden_state=hidden)
            expected.append(ppo.alg.critic({"obs": last[t, slot][None]}).item())
        ppo.alg.critic.reset(hidden_state=before)
        np.testing.assert_allclose(found["values"], expected, atol=1e-5)
        times, slots, hidden = ppo._hidden_of_cut(cut)  # as on a GPU: computed again
        order = np.lexsort([slots, times])
        assert times[order].tolist() == found["times"].tolist()
        assert slots[order].tolist() == found["slots"].tolist()
        kept = ppo._ends.select(cut)[2]
        assert all(torch.allclose(a[:, order], b, atol=1e-5) for a, b in zip(hidden, kept, strict=True))
        assert cut.sum() == len(expected) > 4
        assert cut[found["times"], found["slots"]].all()
        return tuple(found.values())

    ppo._values_of_cut, ppo.ended = spy, keep
    for k in range(2):  # the second rollout begins within episodes
        remembered.clear()
        student.train(assign(student, family, first=100 * k))


def test_tests_have_a_memory_of_their_own(cartpole):
    student = RslRlStudent(cartpole, seed=0, **SMALL)
    student.train(assign(student, cartpole))
    before = student.state_dict()["ppo"]
    first = student.evaluate(cartpole.test_tasks()[:5], seed=1)
    student.train(assign(student, cartpole, first=50, learn=False))
    assert equal(student.state_dict()["ppo"], before)
    again = student.evaluate(cartpole.test_tasks()[:5], seed=1)
    assert again.score.tolist() == first.score.tolist()


def test_a_player_forgets_the_episodes_that_are_over(cue):
    ppo = RslRlStudent(cue, seed=0, **SMALL).ppo
    some = torch.tensor([True, True, True, False, False, False])
    obs, none = torch.randn(6, 2), torch.zeros(6, dtype=torch.bool)
    outputs = []
    deterministic = ppo.alg.actor.distribution.deterministic_output
    ppo.alg.actor.distribution.deterministic_output = lambda out: (outputs.append(out), deterministic(out))[1]
    act = ppo.player(greedy=True)
    for first in (none, some, none):
        act(obs, first)
    assert torch.allclose(outputs[1][some], outputs[0][some])
    assert not torch.isclose(outputs[1][~some], outputs[0][~some]).any()
    fresh, late = ppo.player(greedy=True), outputs[2]
    fresh(obs, none)
    fresh(obs, none)  # its second step is the third of those that were forgotten at the second
    assert torch.allclose(late[some], outputs[-1][some])
    assert not torch.isclose(late[~some], outputs[-1][~some]).any()


@pytest.mark.parametrize("per_batch", [False, True])
def test_the_update_sees_the_learnt_rows_only(monkeypatch, cartpole, per_batch):
    options = {"normalize_advantage_per_mini_batch": per_batch}
    honest, spoilt, whole = (bound(cartpole, options=options) for _ in range(3))
    mixed = assign(honest, cartpole)
    mixed = Assignment(ids=mixed.ids, tasks=mixed.tasks, purpose=purposes(LEARN))
    honest.train(mixed)
    finish = RslRlPPO.finish

    def spoil(self, rewards, done, *given, **options):
        rewards, done = rewards.clone(), done.clone()
        rewards[:, ~LEARN] = 1e6
        done[3, ~LEARN] ^= True
        found = finish(self, rewards, done, *given, **options)
        self.observations[:, ~LEARN] = np.nan
        return found

    monkeypatch.setattr(RslRlPPO, "finish", spoil)
    spoilt.train(mixed)
    monkeypatch.undo()
    assert equal(trained(spoilt), trained(honest))
    whole.train(assign(whole, cartpole))
    assert not equal(trained(whole), trained(honest))
    assert honest.spent()["updates"] == 5 * 3  # three slots make three minibatches
    assert whole.spent()["updates"] == 5 * 4


def test_minibatches_are_all_slots_in_equal_parts(cue):
    student = RslRlStudent(cue, seed=0, **(SMALL | {"options": {"num_mini_batches": 4}}))
    student.train(assign(student, cue))
    storage = student.ppo.alg.storage
    batches = list(storage.recurrent_mini_batch_generator(4, 2))
    assert [len(batch.actions) for batch in batches] == [24, 24, 12, 12] * 2
    assert batches[0].actions is batches[4].actions  # drawn once, as rsl_rl does for other networks
    together = torch.cat([batch.returns for batch in batches[:4]])
    assert torch.equal(together.sort(0).values, storage.returns.flatten(0, 1).sort(0).values)


def test_the_student_goes_on_bit_for_bit_with_what_it_remembers(cartpole):
    student, resumed, empty = (RslRlStudent(cartpole, seed=seed, **SMALL) for seed in (0, 5, 6))
    student.train(assign(student, cartpole))
    state = student.state_dict()
    assert [part.shape for part in state["ppo"]["hidden"]["critic"]] == [(1, 6, 8)] * 2
    resumed.load_state_dict(state)
    empty.load_state_dict(state)
    empty.ppo.alg.actor.reset()
    found = [s.train(assign(s, cartpole, first=100)) for s in (student, resumed, empty)]
    assert found[1].score.tolist() == found[0].score.tolist()
    assert equal(resumed.state_dict()["ppo"], student.state_dict()["ppo"])
    assert not equal(empty.state_dict()["ppo"], student.state_dict()["ppo"])


def test_a_state_of_a_student_without_memory_is_refused(cartpole):
    plain = RslRlStudent(cartpole, seed=0, **(SMALL | {"policy": {"hidden_dims": [16]}}))
    with pytest.raises(ValueError, match=r"actor: .*rnn"):
        RslRlStudent(cartpole, seed=0, **SMALL).load_state_dict(plain.state_dict())


def test_mazes_on_the_host():
    from teacherstudent import envs

    maze = envs.make("maze", levels={"n_walls": 25, "generator": "uniform-count"}, actions=3)
    student = bound(maze, n_envs=3, n_steps=8, normalize=False)
    slots = make_tensor_envs(maze, 3, torch.device("cpu"))
    assert isinstance(slots.single_action_space, Discrete)
    rng = np.random.default_rng(0)
    learn = np.array([True, False, True])
    found = student.train(
        Assignment(
            ids=np.arange(3),
            tasks=maze.space.draw(rng, 3),
            purpose=None if learn is None else purposes(learn),
        )
    )
    assert found.signals["length"].tolist() == [8.0] * 3
    assert np.isfinite([found.signals[n] for n in ("value_l1", "td_error", "max_return", "mean_value")]).all()
