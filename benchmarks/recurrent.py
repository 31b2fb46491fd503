"""What a recurrent layer costs on a CPU: the project's own function beside torch's module.

    python benchmarks/recurrent.py [--kind lstm gru] [--pairs 3] [--quick]

One layer of a recurrent student: an update (forward and backward of all rows of a rollout, packed) and a step
of the rollout (all slots, no gradient). In "long" rollouts one episode of each slot ends shortly before the
rollout does, as time limits have it; in "short" ones episodes have random lengths, some eight a slot. Times
are CPU time of this process, own and torch's in turn, the smallest; the ratio is the median of the pairs. "of
peak" is the share of the update that the same matrix products take alone: the rest is overhead.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from _timing import describe_machine
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from teacherstudent.networks.recurrent import packed as packed_rnn
from teacherstudent.networks.recurrent.functions import Tables
from teacherstudent.networks.recurrent.hidden import Hidden, as_torch, parts_of


def main() -> None:
    """Print a line for each case."""
    given = _parse()
    if given.quick:
        given.slots, given.steps, given.units, given.pairs = 8, 32, 32, 1
    torch.set_num_threads(1)
    print(f"{describe_machine()}; one thread; {given.slots} slots x {given.steps} steps, {given.units} units")
    print(f"{'kind':<6}{'case':<22}{'own ms':>9}{'torch ms':>10}{'ratio':>7}{'of peak':>9}")
    for kind in given.kind:
        for case in ("long", "short"):
            _print(kind, f"update, {case} episodes", *_update(given, kind, case))
        _print(kind, "step of the rollout", *_step(given, kind))


def _update(given: argparse.Namespace, kind: str, case: str) -> tuple[list[tuple[float, float]], float]:
    """Return seconds of pairs of updates, own and torch's, and of the products alone."""
    lengths = _lengths(case, given.slots, given.steps)
    sizes = torch.tensor([sum(length > t for length in lengths) for t in range(lengths[0])])
    rnn, hidden = _module(kind, given, len(lengths))
    x, tables = torch.randn(sum(lengths), given.inputs), Tables()
    factor = torch.randn(sum(lengths), given.units)

    def own() -> None:
        (packed_rnn.packed(rnn, x, sizes, hidden, tables)[0] * factor).sum().backward()

    def theirs() -> None:
        (rnn(PackedSequence(x, sizes), as_torch(hidden))[0].data * factor).sum().backward()

    return _pairs(own, theirs, given.pairs), _products(rnn, x, sizes.tolist())


def _step(given: argparse.Namespace, kind: str) -> tuple[list[tuple[float, float]], float]:
    """Return seconds of pairs of a rollout's steps, own and torch's; there is no bound worth a column."""
    rnn, hidden = _module(kind, given, given.slots)
    x = torch.randn(given.slots, given.inputs)

    def steps(run: Callable[[Hidden], Hidden]) -> None:
        now = hidden
        with torch.no_grad():
            for _ in range(given.steps):
                now = run(now)

    pairs = _pairs(
        lambda: steps(lambda now: packed_rnn.step(rnn, x, now)[1]),
        lambda: steps(lambda now: parts_of(rnn(x[None], as_torch(now))[1])),
        3 * given.pairs,
    )
    return [(a / given.steps, b / given.steps) for a, b in pairs], 0.0


def _module(kind: str, given: argparse.Namespace, pieces: int) -> tuple[nn.RNNBase, Hidden]:
    rnn = {"lstm": nn.LSTM, "gru": nn.GRU}[kind](given.inputs, given.units)
    return rnn, tuple(torch.zeros(1, pieces, given.units) for _ in range(2 if kind == "lstm" else 1))


def _lengths(case: str, slots: int, steps: int) -> list[int]:
    """Return the lengths of the pieces of a rollout, longest first."""
    if case == "long":
        late = max(1, steps // 40)
        return [steps - late] * slots + [late] * slots
    draws = np.random.default_rng(0)
    lengths: list[int] = []
    for _ in range(slots):
        ends = np.unique(np.minimum(draws.geometric(8 / steps, steps).cumsum(), steps))
        lengths += np.diff(ends, prepend=0).tolist()
    return sorted(lengths, reverse=True)


def _products(rnn: nn.RNNBase, x: Tensor, sizes: list[int]) -> float:
    """Return the seconds of an update's matrix products, each in the shape that it has there."""
    w_in, w_hh = rnn.weight_ih_l0.detach(), rnn.weight_hh_l0.detach()
    columns, units = w_hh.shape
    z, h, across = torch.randn(len(x), columns), torch.randn(len(x), units), w_hh.t().contiguous()

    def run() -> None:
        torch.mm(x, w_in.t(), out=z)
        first = 0
        for n in sizes:
            rows = slice(first, first + n)
            torch.mm(h[rows], across, out=z[rows])
            torch.mm(z[rows], w_hh, out=h[rows])
            first += n
        torch.mm(x.t(), z)
        torch.mm(h.t(), z)

    return min(_seconds(run) for _ in range(5))


def _pairs(own: Callable[[], None], theirs: Callable[[], None], pairs: int) -> list[tuple[float, float]]:
    own()  # compiles
    return [(_seconds(own), _seconds(theirs)) for _ in range(pairs)]


def _seconds(run: Callable[[], None]) -> float:
    before = time.process_time()
    run()
    return time.process_time() - before


def _print(kind: str, name: str, pairs: list[tuple[float, float]], products: float) -> None:
    own, theirs = (min(seconds) for seconds in zip(*pairs, strict=True))
    ratio = statistics.median(b / a for a, b in pairs)
    share = f"{100 * products / own:>8.0f}%" if products else ""
    print(f"{kind:<6}{name:<24}{1e3 * own:>7.2f}{1e3 * theirs:>10.2f}{ratio:>7.1f}{share}", flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--kind", nargs="+", default=["lstm", "gru"], choices=["lstm", "gru"])
    parser.add_argument("--slots", type=int, default=32)
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--inputs", type=int, default=79, help="79 are a maze's")
    parser.add_argument("--units", type=int, default=256)
    parser.add_argument("--pairs", type=int, default=3, help="pairs of updates; three times as many of steps")
    parser.add_argument("--quick", action="store_true", help="small and once: does it run?")
    return parser.parse_args()


if __name__ == "__main__":
    main()
