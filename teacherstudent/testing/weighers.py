"""What a teacher must do that weighs examples in the student's loss; part of the kit for teachers."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from teacherstudent.contract import spaces
from teacherstudent.contract.teacher import Teacher
from teacherstudent.contract.types import FloatArray
from teacherstudent.contract.weigher import Batch, Weigher, is_differentiable
from teacherstudent.testing.sessions import ContractError, Session, difference, name, rule, through_file

if TYPE_CHECKING:
    from torch import Tensor

_CLASSES = 5
_SIZES = (1, 2, 64)


def check_weigher(make: Callable[[], Session], rows: int) -> None:
    """Check a weigher before its teacher was told of anything, after ``rows`` rows, and from its state.

    Args:
        make: returns a session of a fresh teacher of always the same seed, which is a `Weigher`.
        rows: how many rows are asked for between two checks.

    Raises:
        ContractError: with a sentence that names the rule that is broken.
    """
    one = make()
    two = make()
    who = name(one.teacher)
    for told in (0, rows):
        for session in (one, two):
            session.run(told)
        weights = _weights(one.teacher, told)
        again = _weights(two.teacher, told)
        if difference(weights, again) or difference(one.teacher.state_dict(), two.teacher.state_dict()):
            raise ContractError(f"{who}: weigh must give the same weights for the same seed and outcomes")
    loaded = make().teacher
    with rule(who, "load_state_dict must accept what state_dict returned after weighing"):
        loaded.load_state_dict(through_file(one.teacher.state_dict()))
    if difference(_weights(one.teacher, 1), _weights(loaded, 1)):
        raise ContractError(f"{who}: weigh must give the same weights after a state was saved and loaded")


def _weights(teacher: Teacher[Any], seed: int) -> list[FloatArray]:
    """Return a teacher's weights for batches of several sizes and progresses, some with losses of 0."""
    rng = np.random.Generator(np.random.PCG64(seed))
    found = []
    for n in _SIZES:
        for progress, scale in ((0.0, 1.0), (0.5, 0.0), (0.5, 100.0), (1.0, 1.0)):
            found.append(_weighed(teacher, rng, n, progress, scale))
    return found


def _weighed(
    teacher: Teacher[Any], rng: np.random.Generator, n: int, progress: float, scale: float
) -> FloatArray:
    """Return the weights ``(n,)`` of random examples, checked; their losses are scaled."""
    import torch  # a teacher that does not weigh is checked without it

    assert isinstance(teacher, Weigher)
    who = name(teacher)
    examples = len(spaces.numbers(teacher.space) or range(1000))
    labels = torch.from_numpy(rng.integers(0, _CLASSES, n))
    logits = torch.from_numpy(rng.normal(0, 2, (n, _CLASSES)).astype(np.float32)).requires_grad_()
    losses = scale * torch.nn.functional.cross_entropy(logits, labels, reduction="none")
    with rule(who, "differentiable must be True or False"):
        differentiable = is_differentiable(teacher)
    tensors = {
        "losses": losses,
        "indices": torch.from_numpy(rng.integers(0, examples, n)),
        "labels": labels,
        "logits": logits,
    }
    before = {key: tensor.detach().clone() for key, tensor in tensors.items()}
    batch = Batch(**tensors, progress=progress, differentiable=differentiable)
    with rule(who, f"weigh must take a batch of {n} examples at the progress {progress}"):
        given = teacher.weigh(batch)
    for key, tensor in tensors.items():
        if not torch.equal(tensor.detach(), before[key]):
            raise ContractError(f"{who}: weigh must leave the batch's {key} as they are")
    return _checked(who, given, n)


def _checked(who: str, given: FloatArray | Tensor, n: int) -> FloatArray:
    """Return weights as an array ``(n,)``, checked."""
    import torch

    if not isinstance(given, np.ndarray | torch.Tensor):
        raise ContractError(f"{who}: weigh must return an array or a tensor, got {given!r}")
    weights = given if isinstance(given, np.ndarray) else given.detach().cpu().numpy()
    if weights.shape != (n,) or weights.dtype.kind not in "biuf":
        raise ContractError(
            f"{who}: weigh must return a number for each of {n} examples, got shape {weights.shape}, "
            f"dtype {weights.dtype}"
        )
    found: FloatArray = weights.astype(np.float64)
    if not (np.isfinite(found) & (found >= 0)).all():
        raise ContractError(f"{who}: weights must be finite and at least 0, got {found}")
    return found
