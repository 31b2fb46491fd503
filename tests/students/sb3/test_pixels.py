"""Images of any size and kind are read by convolutions, and never normalised."""

import numpy as np
import pytest
from gymnasium.spaces import Box, Dict
from pictured import BYTES, FLOATS, LARGE, PARTS, pictured
from stable_baselines3.common.torch_layers import NatureCNN
from torch import nn

from reaching import assign
from teacherstudent import students
from teacherstudent.contract.demand import Demand
from teacherstudent.students.sb3.pixels import PixelExtractor

SMALL = {"n_envs": 2, "options": {"n_steps": 16, "batch_size": 16}}


def made(space, **options):
    return students.make("sb3", pictured(space), seed=0, device="cpu", **{**SMALL, **options})


def extractor(student):
    return student.model.policy.features_extractor


@pytest.mark.parametrize("space", [BYTES, FLOATS, PARTS, Dict(a=FLOATS, b=BYTES)])
@pytest.mark.parametrize("normalize", [False, True])
def test_images_are_read_by_convolutions(space, normalize):
    student = made(space, normalize=normalize)
    assert isinstance(extractor(student), PixelExtractor)
    assert any(isinstance(part, nn.Conv2d) for part in extractor(student).modules())
    family = student._family
    student.train(assign(student, family))
    tasks = family.test_tasks()
    other = made(space, normalize=normalize)
    other.load_state_dict(student.state_dict())
    assert other.evaluate(tasks, seed=1).score.tolist() == student.evaluate(tasks, seed=1).score.tolist()
    student.close()


def test_large_bytes_keep_the_librarys_own_network():
    student = made(LARGE, options={"n_steps": 8, "batch_size": 16})
    assert type(extractor(student)) is NatureCNN
    assert student.model.policy.normalize_images
    student.close()


def test_the_users_word_is_kept():
    chosen = {"features_extractor_class": "stable_baselines3.common.torch_layers:FlattenExtractor"}
    student = made(BYTES, options={**SMALL["options"], "policy_kwargs": chosen})
    assert type(extractor(student)).__name__ == "FlattenExtractor"
    plain = made(BYTES, policy="MlpPolicy")
    assert type(extractor(plain)).__name__ == "FlattenExtractor"
    wide = made(BYTES, options={**SMALL["options"], "policy_kwargs": {"net_arch": [8]}})
    assert isinstance(extractor(wide), PixelExtractor)


def test_images_are_not_normalised_and_numbers_beside_them_are():
    alone = made(BYTES, normalize=True)
    assert not alone.model.get_vec_normalize_env().norm_obs
    beside = made(PARTS, normalize=True)
    assert beside.model.get_vec_normalize_env().norm_obs_keys == ["place"]
    beside.bind(Demand(granularity="rollout", signals=frozenset({"value_l1"}), members=1))
    assert beside.model.get_vec_normalize_env().norm_obs_keys == ["place"]
    beside.train(assign(beside, beside._family))
    alone.bind(Demand(granularity="rollout", signals=frozenset({"value_l1"}), members=1))
    alone.train(assign(alone, alone._family))


def test_an_off_policy_algorithm_reads_images_too():
    actions = Box(-1, 1, (1,), np.float32)
    family = pictured(BYTES, actions)
    options = {"learning_starts": 4, "train_freq": 4, "batch_size": 4, "buffer_size": 50}
    student = students.make("sb3", family, seed=0, algorithm="SAC", n_envs=1, device="cpu", options=options)
    for _ in range(2):
        student.train(assign(student, family))
    assert isinstance(student.model.actor.features_extractor, PixelExtractor)
    assert student.spent()["updates"] > 0
