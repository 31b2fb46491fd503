"""Actor and critic of rsl_rl: feedforward, recurrent, or with convolutions for images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from rsl_rl.models import MLPModel
from rsl_rl.modules import EmpiricalNormalization
from torch import Tensor

from teacherstudent.networks.pixels import Part, PixelEncoder
from teacherstudent.students.rsl_rl.options import POLICY, is_recurrent
from teacherstudent.students.rsl_rl.policy.actions import Actions
from teacherstudent.students.rsl_rl.recurrent import PackedRNNModel


class PixelModel(MLPModel):  # type: ignore[misc]  # rsl_rl has no types
    """rsl_rl's feedforward network behind convolutions for the images in its observations.

    The library's own model for images wants a table for each of them; here an observation is one row, as
    everywhere in this student. Images are scaled by the ends of their space, and running normalisation is for
    the other numbers alone.

    Args:
        args: of the library's model.
        parts: of the observations.
        options: of the library's model.
    """

    def __init__(self, *args: Any, parts: Sequence[Part], **options: Any) -> None:
        # The library asks for the number of features while it builds itself, and modules need its own
        # constructor before: so the encoder waits in a list.
        self._waiting = [PixelEncoder(parts)]
        normalize = options.pop("obs_normalization")
        super().__init__(*args, obs_normalization=False, **options)
        self.encoder = self._waiting.pop()
        numbers = self.encoder.numbers
        self.obs_normalization = normalize and numbers > 0
        if self.obs_normalization:
            self.obs_normalizer = EmpiricalNormalization(numbers)

    def _get_latent_dim(self) -> int:
        return int(self._waiting[0].features)

    def get_latent(self, obs: Any, masks: Any = None, hidden_state: Any = None) -> Tensor:
        """Return the features of each row."""
        rows = obs["obs"]
        images = self.encoder.images(rows)
        if not self.encoder.numbers:
            return images
        return torch.cat([self.obs_normalizer(self.encoder.others(rows)), images], -1)

    def update_normalization(self, obs: Any) -> None:
        """Take in the numbers of a batch that are no image's."""
        if self.obs_normalization:
            self.obs_normalizer.update(self.encoder.others(obs["obs"]))


def models(
    obs: Any, parts: Sequence[Part], actions: Actions, policy: Mapping[str, Any], normalize: bool
) -> tuple[Any, Any]:
    """Return actor and critic of rsl_rl on the device of ``obs``.

    Args:
        obs: a first observation, as the library takes it.
        parts: of the observations.
        actions: what the actor's outputs are for.
        policy: checked settings of the networks.
        normalize: observations by their running mean and standard deviation.

    Raises:
        TypeError: if recurrent networks are to read images.
    """
    setting = {**POLICY, **policy}
    groups = {"actor": ["obs"], "critic": ["obs"]}
    kind: Any = MLPModel
    shared = {"activation": setting["activation"], "obs_normalization": normalize}
    images = [part for part in parts if part.image is not None]
    if images and is_recurrent(policy):
        raise TypeError(
            "rsl-rl: policy: class_name='RNNModel': expected observations without images, got "
            f"{images[0].space}: sb3 with algorithm='sb3_contrib:RecurrentPPO' reads them, or a wrapper that "
            "flattens them, gymnasium.wrappers.FlattenObservation"
        )
    if images:
        kind = PixelModel
        shared["parts"] = parts
    elif is_recurrent(policy):
        kind = PackedRNNModel
        shared |= {name: setting[name] for name in ("rnn_type", "rnn_hidden_dim", "rnn_num_layers")}
    # Without sizes of its own the critic takes those of the actor.
    critic_dims = setting["critic_hidden_dims"] or setting["hidden_dims"]
    actor = kind(
        obs,
        groups,
        "actor",
        actions.outputs,
        hidden_dims=list(setting["hidden_dims"]),
        distribution_cfg=_distribution(setting, actions.choices),
        **shared,
    )
    critic = kind(obs, groups, "critic", 1, hidden_dims=list(critic_dims), **shared)
    return actor.to(obs.device), critic.to(obs.device)


def _distribution(setting: Mapping[str, Any], choices: Sequence[int] | None) -> dict[str, Any]:
    module = "teacherstudent.students.rsl_rl.distributions"
    if choices is not None:
        return {"class_name": f"{module}:CategoricalDistribution", "sizes": choices}
    names = ["init_std", "std_type", "std_range"]
    kind = "HeteroscedasticGaussianDistribution"
    # A spread that depends on the observation has no parameter to switch off.
    if not setting["state_dependent_std"]:
        kind = "GaussianDistribution"
        names = [*names, "learn_std"]
    given = {name: setting[name] for name in names}
    return {"class_name": f"{module}:{kind}", **given}
