"""How one environment is built."""

from __future__ import annotations

import gymnasium as gym
import pytest
from ramps import Ramp

from teacherstudent.contract.stored import trust
from teacherstudent.slots.wrapping.making import EnvMaker, build, check_target, is_limited


def test_ids_classes_and_functions_are_built_with_their_options():
    made = EnvMaker(target=Ramp, options={"fault": "step"})()
    assert (type(made), made.fault, is_limited(made)) == (Ramp, "step", False)
    cut = EnvMaker(target="CartPole-v1", max_episode_steps=7)()
    assert (cut.spec.max_episode_steps, is_limited(cut)) == (7, True)
    wrapped = EnvMaker(target=Ramp, max_episode_steps=7)(render_mode="rgb_array")
    assert (wrapped.unwrapped.render_mode, is_limited(wrapped)) == ("rgb_array", True)


def test_what_cannot_be_built_is_named():
    with pytest.raises(ValueError, match=r"expected 'NoSuch-v0' to be built with x, got NameNotFound"):
        build(EnvMaker(target="NoSuch-v0"), " with x")
    with pytest.raises(TypeError, match="Ramp' to be built, got TypeError"):
        build(EnvMaker(target=Ramp, options={"colour": 1}), "")
    with pytest.raises(TypeError, match=r"task: .* got <.*: give its class, CartPoleEnv, with env_options"):
        check_target(gym.make("CartPole-v1").unwrapped, "task")


def test_a_file_of_a_run_imports_nothing():
    with trust.names_from("file"), pytest.raises(trust.UntrustedNameError):
        build(EnvMaker(target="ramps:Ramp"), "")
