"""What a teacher costs in a supervised loop of one's own: per batch, whatever the number of examples.

    python benchmarks/samplers.py [--quick]

Three tables, all of this process's CPU time on one thread, on batches of 128:

- the samplers: microseconds a batch of torch's RandomSampler with its BatchSampler, and of
  TeacherBatchSampler with `tell`, for each number of examples; what a pass costs at its start (a permutation)
  is spread over its batches. The last column is the teacher's sampler as a share of a training step of the
  small CNN on images of 28 x 28 pixels, which is timed in the same run;
- the other teachers of examples, the same way;
- stages: a step with StageController, whose knobs stand at their neutral values, over a bare step. Both are
  the same network, and they take turns: the median of the ratios. Beside it what the controller's calls of a
  step take alone, which is less than that ratio can tell from noise.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import torch.nn.functional as functional
from _timing import describe_machine
from torch.utils.data import BatchSampler, RandomSampler

from teacherstudent import Discrete, Parameters, StageController, TeacherBatchSampler, teachers
from teacherstudent.students.classifier.networks.backbones import SmallCNN

BATCH = 128
OTHERS: dict[str, dict[str, Any]] = {
    "superloss": {},
    "jest": {"score": "hard"},
    "self-paced": {"by": "weights"},
    "loss-proportional": {},
}


def per_batch(begin: Callable[[], Callable[[], object]], batches: int, n: int) -> float:
    """Return microseconds a batch: the first one's share of a pass, and the mean of those after it.

    Args:
        begin: begins a pass and returns what takes its next batch.
        batches: to be timed after the first.
        n: examples in a pass.
    """
    start = time.process_time()
    take = begin()
    take()
    first = time.process_time() - start
    # Those that are read ahead are out of the pass already.
    batches = min(batches, n // BATCH - 8)
    start = time.process_time()
    for _ in range(batches):
        take()
    each = (time.process_time() - start) / batches
    return 1e6 * (each + max(0.0, first - each) / (n / BATCH))


def random_batches(n: int) -> Callable[[], Callable[[], object]]:
    """Return what begins a pass of torch's own samplers."""

    def begin() -> Callable[[], object]:
        batches = iter(BatchSampler(RandomSampler(range(n)), BATCH, drop_last=False))
        return lambda: next(batches)

    return begin


def taught_batches(name: str, n: int, **options: Any) -> Callable[[], Callable[[], object]]:
    """Return what begins a pass of a teacher's sampler; each batch is told of four batches later."""

    def begin() -> Callable[[], object]:
        sampler = TeacherBatchSampler(
            teachers.make(name, Discrete(n), seed=0, **options), range(n), batch_size=BATCH, epochs=10
        )
        sampler.measure(lambda rows: rows.float(), batch_size=BATCH)
        batches = iter(sampler)
        losses = torch.rand(BATCH)
        # As many as two workers read ahead.
        ahead = [next(batches) for _ in range(4)]

        def take() -> None:
            ahead.append(next(batches))
            sampler.tell(losses, torch.tensor(ahead.pop(0)))

        return take

    return begin


def network() -> tuple[torch.nn.Module, torch.optim.Optimizer, torch.Tensor, torch.Tensor]:
    """Return the small CNN, its optimiser and a batch."""
    torch.manual_seed(0)
    model = SmallCNN(10, 1, 28)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4)
    return model, optimizer, torch.rand(BATCH, 1, 28, 28), torch.randint(10, (BATCH,))


def step(
    model: torch.nn.Module, optimizer: torch.optim.Optimizer, images: torch.Tensor, labels: torch.Tensor
) -> torch.Tensor:
    """Take a gradient step and return the loss."""
    loss = functional.cross_entropy(model(images), labels)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss


def seconds(work: Callable[[], object], times: int) -> float:
    """Return the CPU seconds of a call, the mean of some."""
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times


def samplers(sizes: list[int], batches: int, of_step: float) -> None:
    """Print the table of sizes."""
    print(f"{'examples':>10}{'RandomSampler us':>18}{'uniform us':>12}{'ratio':>8}{'share of a step %':>19}")
    for n in sizes:
        plain = np.median([per_batch(random_batches(n), batches, n) for _ in range(3)])
        taught = np.median([per_batch(taught_batches("uniform", n), batches, n) for _ in range(3)])
        share = 100 * taught / of_step
        print(f"{n:>10}{plain:>18.0f}{taught:>12.0f}{taught / plain:>8.1f}{share:>19.2f}", flush=True)


def others(sizes: list[int], batches: int, of_step: float) -> None:
    """Print the table of teachers."""
    print(f"{'share of a step %':<20}" + "".join(f"{n:>12}" for n in sizes))
    for name, options in OTHERS.items():
        # What a teacher imports is no cost of a batch.
        taught_batches(name, 1000, **options)()
        found = [per_batch(taught_batches(name, n, **options), batches, n) for n in sizes]
        print(f"{name:<20}" + "".join(f"{100 * each / of_step:>12.2f}" for each in found), flush=True)


def stages(pairs: int, steps: int, of_step: float) -> None:
    """Print what stages add to a step, which takes ``of_step`` microseconds."""
    bare = network()
    own = network()
    knobs = {"bandwidth": (14, 28), "lr_spread": (0, 3), "lr_scale": (0.1, 1), "smoothing": (0, 1)}
    teacher = teachers.make("constant", Parameters(**knobs), seed=0)
    model, optimizer, images, labels = own
    control = StageController(
        teacher, model=model, optimizer=optimizer, steps=10**6, chunk=50, example=images[:2]
    )

    def controlled() -> None:
        control.step(step(model, optimizer, control.images(images), labels))

    ratios = []
    for k in range(pairs + 1):
        works = [lambda: step(*bare), controlled]
        # Who goes first changes from pair to pair.
        order = (0, 1) if k % 2 else (1, 0)
        found = {which: seconds(works[which], steps) for which in order}
        ratios.append(found[1] / found[0])
    low, middle, high = np.quantile(ratios[1:], (0.25, 0.5, 0.75))
    print(f"step with stages over a bare step: {middle:.4f} (quartiles {low:.4f} to {high:.4f})")
    loss = torch.zeros(())

    def calls() -> None:
        control.images(images)
        control.step(loss)

    alone = 1e6 * float(np.median([seconds(calls, 200) for _ in range(5)]))
    print(f"the controller's calls of a step alone: {alone:.0f} us, {100 * alone / of_step:.3f} % of a step")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer sizes, batches and pairs")
    given = parser.parse_args()
    torch.set_num_threads(1)
    print(describe_machine())
    parts = network()
    seconds(lambda: step(*parts), 3)
    of_step = 1e6 * float(np.median([seconds(lambda: step(*parts), 5) for _ in range(5)]))
    print(f"a step of the small CNN on {BATCH} images: {of_step / 1e3:.1f} ms\n")
    sizes = [10**4, 10**5, 10**6, 10**7]
    batches = 400
    if given.quick:
        batches = 100
    samplers(sizes, batches, of_step)
    print()
    others(sizes[: 2 if given.quick else 3], batches // 4, of_step)
    print()
    stages(pairs=6 if given.quick else 40, steps=4, of_step=of_step)


if __name__ == "__main__":
    main()
