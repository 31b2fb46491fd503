"""Memory tasks on sequences of bits: the parity of the last N, or whether the N-th from the end returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from gymnasium.spaces import Discrete
from torch import Tensor

from teacherstudent.contract.checks import is_one_of, is_whole
from teacherstudent.contract.family import Family
from teacherstudent.contract.registry import FAMILIES
from teacherstudent.contract.types import IntArray
from teacherstudent.envs.memory.bits import KINDS, Kind, answers, draw, latest, length_range

SMALLEST = 2
TEST_SEED = 4222


@dataclass(frozen=True, eq=False)
class FixedSequences:
    """The fixed test sequences of one N.

    Attributes:
        bits: ``(length, n)`` float32; what follows a sequence's end is to be ignored.
        lengths: ``(n,)`` int64.
        answers: ``(n,)`` int64.
    """

    bits: Tensor
    lengths: Tensor
    answers: Tensor


MOST_BITS = 10_000
"""Longest sequences; no network learns these."""
MOST_SEQUENCES = 10**7
"""Most test sequences of one length."""


@FAMILIES.register("parity")
class Parity(Family):
    """N-parity or N-delayed-match-to-sample: task N asks for a memory of N bits.

    Khajehabdollahi et al. 2024, "Emergent mechanisms for long timescales depend on training curriculum and
    affect performance in memory tasks", ICLR, https://arxiv.org/abs/2309.12927. A network reads a sequence of
    N + 2 to 4 N + 1 bits, one at a time, and answers at its end. Parity: is the number of ones among the
    last N bits odd? Delayed match (dms): does the N-th bit from the end equal the last one?

    A task is N. Its score is the accuracy of the readout for N; above 0.98 it counts as mastered. In parity a
    sequence's bits are 1 with a probability that is uniform from sequence to sequence, so for an even N
    "even" is the answer in a share (1 + 1 / (N + 1)) / 2, two thirds for N = 2, and guessing gets that far;
    for odd N, and in dms, guessing gets one half.

    Test tasks are all N. Each has ``tests`` sequences, drawn once and for all with seed 4222, as many of each
    length as the numbers allow.

    Deviations from the authors' code: in parity it draws one probability for a whole batch and lengths up to
    2.5 N + 1 in its last version, and for each sequence and up to 4 N + 1 in an earlier one, as here.

    Args:
        kind: ``"parity"`` or ``"dms"``.
        largest: the largest N, at least 3.
        tests: test sequences for each N, at least 1.

    Raises:
        ValueError: if an option is out of range.
    """

    def __init__(self, kind: Kind = "parity", largest: int = 10, tests: int = 2000) -> None:
        if not is_one_of(kind, KINDS):
            raise ValueError(f"parity: kind: expected one of {KINDS}, got {kind!r}")
        for name, value, least, most in (
            ("largest", largest, SMALLEST + 1, MOST_BITS),
            ("tests", tests, 1, MOST_SEQUENCES),
        ):
            whole = is_whole(value)
            # Say only which bound was missed: the other one may be ten million.
            if not (whole and least <= value <= most):
                expected = f"at least {least}"
                if whole and value > most:
                    expected = f"at most {most}"
                raise ValueError(f"parity: {name}: expected {expected}, got {value!r}")
        self.kind = kind
        self.largest = largest
        self.tests = tests
        self.space = Discrete(largest - SMALLEST + 1, start=SMALLEST)
        self.score_range = (0.5, 1.0)
        self.mastered: float = 0.98
        self.cost_unit = "FLOPs"
        self.usual_student = "leaky-rnn"
        self.score_name = "accuracy"
        self.test_set = f"{kind}-{SMALLEST}to{largest}-{tests}-seed{TEST_SEED}"

    def test_tasks(self) -> IntArray:
        """Return every N."""
        return np.arange(SMALLEST, self.largest + 1, dtype=np.int64)

    def test_sequences(self, size: int) -> FixedSequences:
        """Return the test sequences of task N = ``size``, on the CPU; the same for every ``largest``."""
        shortest, longest = length_range(size)
        # The task is a part of the seed: sequences do not depend on which other tasks there are.
        generator = torch.Generator().manual_seed(TEST_SEED + size)
        # All sequences are drawn at full length; `lengths` says how much of each counts.
        bits = draw(self.kind, longest, self.tests, generator)
        # Lengths in turn: each is there as often as any other, or once more.
        lengths = shortest + torch.arange(self.tests) % (longest - shortest + 1)
        found = answers(self.kind, latest(bits, size, lengths), [size])[0]
        return FixedSequences(bits, lengths, found)
