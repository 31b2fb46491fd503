"""The LSTMs of sb3_contrib's recurrent policies, computed by the project's own layers on the CPU."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.networks.recurrent.functions import Tables
from teacherstudent.networks.recurrent.hidden import Hidden

_POLICIES = "sb3_contrib.common.recurrent.policies"
_ARGUMENTS = ["features", "lstm_states", "episode_starts", "lstm"]


def speed_up(policy: Any) -> None:
    """Replace how a recurrent policy goes through its sequences; what it returns stays the same, to rounding.

    All other policies stay as they are, and so do subclasses that have a way of their own.
    """
    # Loaded if there is such a policy.
    library = sys.modules.get(_POLICIES)
    if library is None or not isinstance(policy, library.RecurrentActorCriticPolicy):
        return
    # A subclass with a method of its own must keep it.
    original = library.RecurrentActorCriticPolicy._process_sequence
    own = type(policy)._process_sequence is not original
    # Another version of the library may call its method in another way.
    if not own and list(inspect.signature(original).parameters) == _ARGUMENTS:
        policy._process_sequence = _Sequences(original)


class _Sequences:
    """``RecurrentActorCriticPolicy._process_sequence``, which calls its LSTM once for every step.

    It does so wherever an episode starts, which in an update is the first step of nearly every sequence, and
    only the first: the library cuts sequences at starts. There all steps are one call here. Anything else is
    left to the library.

    Args:
        original: the library's function.
    """

    def __init__(self, original: Callable[..., Any]) -> None:
        self._original = original
        self._tables = Tables()

    def __call__(
        self, features: Tensor, lstm_states: Hidden, episode_starts: Tensor, lstm: nn.LSTM
    ) -> tuple[Tensor, Hidden]:
        """Return the outputs ``(n * steps, m)``, sequence by sequence, and the states after the last step.

        Args:
            features: ``(n * steps, inputs)``: sequence by sequence.
            lstm_states: ``(layers, n, m)`` each: before the first step.
            episode_starts: ``(n * steps,)``: 1 where the state is forgotten before the step, else 0.
            lstm: the module.
        """
        n = lstm_states[0].shape[1]
        starts = episode_starts.reshape(n, -1)
        # A start in the midst of a sequence clears the state there, which one call cannot do.
        if not packed_rnn.applies(lstm, features) or starts[:, 1:].any():
            found: tuple[Tensor, Hidden] = self._original(features, lstm_states, episode_starts, lstm)
            return found
        steps = starts.shape[1]
        # One factor for each sequence, which broadcasts over layers and units.
        keep = (1.0 - starts[:, 0])[None, :, None]
        hidden = tuple(keep * part for part in lstm_states)
        if steps == 1:
            return packed_rnn.step(lstm, features, hidden)
        # Packed sequences hold all first steps, then all second steps; the library goes by sequence.
        by_step = features.reshape(n, steps, -1).transpose(0, 1).reshape(steps * n, -1)
        out, after = packed_rnn.packed(lstm, by_step, torch.full((steps,), n), hidden, self._tables)
        return out.reshape(steps, n, -1).transpose(0, 1).flatten(0, 1), after
