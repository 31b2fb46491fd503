"""The whole state of a stable-baselines3 algorithm as plain data: no pickle, no archive."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.buffers import DictReplayBuffer, ReplayBuffer
from stable_baselines3.common.noise import VectorizedActionNoise
from stable_baselines3.common.running_mean_std import RunningMeanStd
from stable_baselines3.common.vec_env import VecNormalize

from teacherstudent.contract.types import State
from teacherstudent.networks.state import load_module, load_optimizer, module_state, optimizer_state

_COUNTERS = (
    "num_timesteps",
    "_n_updates",
    "_episode_num",
    "_n_calls",
    "_current_progress_remaining",
    "exploration_rate",
)
_OBSERVATIONS = ("_last_obs", "_last_episode_starts", "_last_original_obs")


def main_optimizer(model: BaseAlgorithm) -> torch.optim.Optimizer:
    """Return the optimiser whose steps count as gradient updates: the critic's where there are several."""
    # The library's own list of what it saves, which covers every algorithm.
    names = model._get_torch_save_params()[0]
    name = "policy.optimizer"
    if "critic.optimizer" in names:
        name = "critic.optimizer"
    found = attribute(model, name)
    assert isinstance(found, torch.optim.Optimizer)
    return found


def algorithm_state(model: BaseAlgorithm) -> State:
    """Return networks, optimisers, counters, replay buffer, noise and normalisation.

    Observations and hidden states under way are left out: `under_way` gives them where episodes can continue.

    The filled part of a replay buffer is copied whole: off-policy checkpoints are as large as it is.

    Raises:
        ValueError: if the replay buffer is of a kind whose content is not known.
    """
    return weights_of(model) | {
        # Algorithms count different things: save what this one has.
        "counters": {name: getattr(model, name) for name in _COUNTERS if hasattr(model, name)},
        "action_space": dict(model.action_space.np_random.bit_generator.state),
        "noise": [noise.noise_prev.copy() for noise in _noises(model)],
        "buffer": _buffer_state(getattr(model, "replay_buffer", None)),
        "normalize": _normalize_state(model.get_vec_normalize_env()),
    }


def weights_of(model: BaseAlgorithm) -> State:
    """Return networks, optimisers and normalisation."""
    modules, tensors = model._get_torch_save_params()
    return {
        "torch": {name: _torch_state(attribute(model, name)) for name in modules},
        "tensors": {name: attribute(model, name).detach().cpu().numpy().copy() for name in tensors},
        "moments": _moments_state(model.get_vec_normalize_env()),
    }


def load_weights(model: BaseAlgorithm, state: State) -> None:
    """Take over `weights_of` an algorithm made with the same arguments (raises as `load_algorithm`)."""
    for name, part in state["torch"].items():
        own = attribute(model, name)
        if isinstance(own, torch.optim.Optimizer):
            load_optimizer(own, part)
        else:
            load_module(own, part, name)
    # Parameters that need a gradient may only be overwritten outside of a graph.
    with torch.no_grad():
        for name, values in state["tensors"].items():
            attribute(model, name).copy_(torch.from_numpy(np.array(values)))
    _load_normalize_moments(model.get_vec_normalize_env(), state["moments"])


def load_algorithm(model: BaseAlgorithm, state: State) -> None:
    """Continue from `algorithm_state` of an algorithm made with the same arguments.

    Raises:
        ValueError: if networks or buffers differ in names or shapes.
    """
    load_weights(model, state)
    for name, value in state["counters"].items():
        setattr(model, name, value)
    # Random actions before learning starts are drawn from the space itself.
    model.action_space.np_random.bit_generator.state = state["action_space"]
    noise = getattr(model, "action_noise", None)
    n_envs = model.n_envs
    if noise is not None and n_envs > 1 and not isinstance(noise, VectorizedActionNoise):
        # As `learn` does when it sets itself up.
        model.action_noise = VectorizedActionNoise(noise, n_envs)
    for noise, previous in zip(_noises(model), state["noise"], strict=True):
        noise.noise_prev = previous.copy()
    _load_buffer(getattr(model, "replay_buffer", None), state["buffer"])
    _load_normalize(model.get_vec_normalize_env(), state["normalize"])


def log_state(model: BaseAlgorithm) -> State:
    """Return the numbers that the algorithm has logged, and of how many values each is the mean."""
    logger = model.logger
    # The log holds running means: without their counts they could not go on.
    return {
        name: [float(value), int(logger.name_to_count.get(name, 0))]
        for name, value in logger.name_to_value.items()
        if isinstance(value, int | float | np.number)
    }


def load_log(model: BaseAlgorithm, state: State) -> None:
    """Continue from `log_state`."""
    for name, (value, count) in state.items():
        model.logger.name_to_value[name] = value
        model.logger.name_to_count[name] = count


def under_way(model: BaseAlgorithm) -> State:
    """Return observations and, of a recurrent policy, hidden states from which the next round goes on."""
    state = {name: _copied(getattr(model, name, None)) for name in _OBSERVATIONS}
    hidden = getattr(model, "_last_lstm_states", None)
    state["hidden"] = None
    if hidden is not None:
        state["hidden"] = [part.cpu().numpy().copy() for pair in hidden for part in pair]
    return state


def load_under_way(model: BaseAlgorithm, state: State) -> None:
    """Continue from `under_way`."""
    for name in _OBSERVATIONS:
        setattr(model, name, _copied(state[name]))
    if state["hidden"] is not None:
        # In the order of `under_way`: hidden and cell state of the actor, then of the critic.
        parts = iter(state["hidden"])
        _change_hidden(model, lambda own: torch.from_numpy(np.array(next(parts))).to(own.device))


def clear_hidden(model: BaseAlgorithm) -> None:
    """Set the hidden states of a recurrent policy to zero; does nothing to other policies."""
    if hasattr(model, "_last_lstm_states"):
        _change_hidden(model, torch.zeros_like)


def _change_hidden(model: Any, change: Callable[[torch.Tensor], torch.Tensor]) -> None:
    """Replace hidden and cell state of actor and critic, in this order."""
    pairs = [tuple(map(change, pair)) for pair in model._last_lstm_states]
    # The type is the library's named tuple, which `collect_rollouts` reads by name.
    model._last_lstm_states = type(model._last_lstm_states)(*pairs)


def attribute(model: Any, dotted: str) -> Any:
    """Return an algorithm's part by the library's dotted name."""
    for part in dotted.split("."):
        model = getattr(model, part)
    return model


def _torch_state(part: Any) -> State:
    if isinstance(part, torch.optim.Optimizer):
        return optimizer_state(part)
    return module_state(part)


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _copied(part) for name, part in value.items()}
    if value is None:
        return None
    return np.array(value)


def _noises(model: BaseAlgorithm) -> Iterator[Any]:
    """Yield the action noises that remember something (Ornstein-Uhlenbeck)."""
    noise = getattr(model, "action_noise", None)
    each: list[Any] = [noise]
    if isinstance(noise, VectorizedActionNoise):
        each = list(noise.noises)
    yield from (n for n in each if hasattr(n, "noise_prev"))


def _buffer_state(buffer: Any) -> State | None:
    """Return the filled part of a replay buffer."""
    if buffer is None:
        return None
    # Compare exact types: a subclass may hold more than its arrays.
    if type(buffer) not in (ReplayBuffer, DictReplayBuffer):
        raise ValueError(
            f"checkpoint: expected a ReplayBuffer or DictReplayBuffer, got {type(buffer).__name__}, "
            "whose content is not known; run without checkpoints (checkpoint_every=0)"
        )
    # A buffer that has wrapped around is full; else only the rows before ``pos`` are written.
    filled = buffer.buffer_size if buffer.full else buffer.pos
    return {
        "pos": buffer.pos,
        "full": buffer.full,
        "arrays": {name: _head(value, filled) for name, value in vars(buffer).items() if _stored(value)},
    }


def _stored(value: Any) -> bool:
    return isinstance(value, np.ndarray) or (
        isinstance(value, dict) and all(isinstance(part, np.ndarray) for part in value.values())
    )


def _head(value: Any, filled: int) -> Any:
    if isinstance(value, dict):
        return {name: _head(part, filled) for name, part in value.items()}
    return value[:filled].copy()


def _load_buffer(buffer: Any, state: State | None) -> None:
    if state is None:
        return
    buffer.pos = state["pos"]
    buffer.full = state["full"]
    # A buffer of dictionaries has a table for each part of an observation.
    for name, value in state["arrays"].items():
        own = getattr(buffer, name)
        # In place, as the saved part is shorter than the buffer.
        if isinstance(value, dict):
            for key, part in value.items():
                own[key][: len(part)] = part
        else:
            own[: len(value)] = value


def _moments_state(env: VecNormalize | None) -> State | None:
    """Return what a normalisation has learnt."""
    if env is None:
        return None
    observations = {name: _moments(rms) for name, rms in _observation_rms(env).items()}
    return {"obs": observations, "ret": _moments(env.ret_rms)}


def _load_normalize_moments(env: VecNormalize | None, state: State | None) -> None:
    if env is None or state is None:
        return
    for name, rms in _observation_rms(env).items():
        _load_moments(rms, state["obs"][name])
    _load_moments(env.ret_rms, state["ret"])


def _normalize_state(env: VecNormalize | None) -> State | None:
    """Return what is under way in a normalisation."""
    if env is None:
        return None
    # VecNormalize sets the last two only in its first reset or step.
    return {
        "returns": env.returns.copy(),
        "old_obs": _copied(getattr(env, "old_obs", None)),
        "old_reward": _copied(getattr(env, "old_reward", None)),
    }


def _load_normalize(env: VecNormalize | None, state: State | None) -> None:
    if env is None or state is None:
        return
    env.returns = state["returns"].copy()
    env.old_obs = _copied(state["old_obs"])
    env.old_reward = _copied(state["old_reward"])


def _observation_rms(env: VecNormalize) -> dict[str, RunningMeanStd]:
    # Images alone are not normalised.
    if not env.norm_obs:
        return {}
    rms = env.obs_rms
    return rms if isinstance(rms, dict) else {"observation": rms}


def _moments(rms: RunningMeanStd) -> State:
    return {"mean": np.array(rms.mean), "var": np.array(rms.var), "count": float(rms.count)}


def _load_moments(rms: RunningMeanStd, state: State) -> None:
    rms.mean = np.array(state["mean"])
    rms.var = np.array(state["var"])
    rms.count = state["count"]
