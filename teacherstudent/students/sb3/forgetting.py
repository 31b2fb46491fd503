"""A student that forgets: its networks, optimisers and replay buffer start anew every so many steps."""

from __future__ import annotations

import torch
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm

from teacherstudent.contract.checks import check_names, check_real
from teacherstudent.contract.stored.saved import saved_whole
from teacherstudent.contract.types import State
from teacherstudent.students.sb3.state import attribute, clear_hidden


class Forgetting:
    """Resets an algorithm whenever its steps have passed another multiple of ``every``.

    The challenge "forgetting student" of Romac et al. 2021, "TeachMyAgent: a benchmark for automatic
    curriculum learning in deep RL", https://arxiv.org/abs/2103.09815, section 4.2.

    Forgotten are the weights, for which fresh ones are drawn from the student's own generators, the
    optimisers' moments, a learnt entropy coefficient, the hidden states of a recurrent policy, and the replay
    buffer. What is counted goes on: steps, schedules and exploration that fall with them, random first
    actions (not repeated). A ``VecNormalize`` keeps its moments: they are no part of the networks.

    A reset comes at the start of a round, so tests before it still see the old policy, and none follows the
    last round of a run.

    Attributes:
        resets: how often it has reset.

    Args:
        model: the algorithm, as it was made.
        every: environment steps that are trained on.
        round_steps: those of a round of the algorithm.

    Raises:
        ValueError: if ``every`` is no finite number, or less than a round: nothing would ever be learnt.
    """

    def __init__(self, model: BaseAlgorithm, every: float, *, round_steps: float) -> None:
        self._every = check_real("sb3: forget_every", every, round_steps)
        # How many multiples have passed; a round of whole episodes may pass two at once.
        self._passed = 0
        self.resets = 0
        # No part of a module, such as an entropy coefficient: what they start from depends on the options.
        self._first = {
            name: attribute(model, name).detach().clone() for name in model._get_torch_save_params()[1]
        }

    def before_round(self, model: BaseAlgorithm, steps: float) -> None:
        """Reset the algorithm if it is due after so many steps; call it with the generators active."""
        passed = int(steps // self._every)
        if passed > self._passed:
            self._passed = passed
            self.resets += 1
            self._reset(model)

    def _reset(self, model: BaseAlgorithm) -> None:
        policy = model.policy
        # Weights go into the modules that are there, to which the algorithm and its optimisers refer. The
        # constructor's arguments are the library's own list, from which it makes a saved policy anew.
        fresh = type(policy)(**policy._get_constructor_parameters())
        policy.load_state_dict(fresh.state_dict())
        modules, tensors = model._get_torch_save_params()
        with torch.no_grad():
            for name in tensors:
                attribute(model, name).copy_(self._first[name])
        for name in modules:
            part = attribute(model, name)
            if isinstance(part, torch.optim.Optimizer):
                part.state.clear()
        clear_hidden(model)
        if isinstance(model, OffPolicyAlgorithm) and model.replay_buffer is not None:
            model.replay_buffer.reset()

    def state_dict(self) -> State:
        """Return the counts as plain data."""
        return {"passed": self._passed, "resets": self.resets}

    def load_state_dict(self, state: State) -> None:
        """Continue from `state_dict`; raise ValueError if it is damaged."""
        check_names("sb3: forgetting", ("passed", "resets"), state)
        passed = saved_whole("sb3: forgetting: passed", state["passed"])
        self.resets = saved_whole("sb3: forgetting: resets", state["resets"], 0, passed)
        self._passed = passed
