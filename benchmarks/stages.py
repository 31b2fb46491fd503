"""What training stages cost: seconds and FLOPs an image at every size, and what the framework adds.

    python benchmarks/stages.py [--backbones resnet vit ...] [--full 224 --sizes 96 128 160 192 224] [--quick]

Three tables, on images of noise:

- for each backbone, the milliseconds and the operations of training on an image at each bandwidth, and both
  as a share of the full size's: time has to fall with operations for a curriculum of sizes to pay;
- the student's chunks against a bare PyTorch loop that does the same work (index, normalise, forward, loss,
  backward, AdamW), the two in turn: the median of the ratios, of processor time on the CPU;
- batches by index tensor against torch's DataLoader, over the whole data and over a Subset, as a ratio.
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
from torch.utils.data import DataLoader, Subset, TensorDataset

from teacherstudent.envs.images.data import Images
from teacherstudent.envs.images.family import Source, StageFamily
from teacherstudent.networks.knobs.sampling import IndexSampler
from teacherstudent.students.classifier.networks.backbones import BACKBONES
from teacherstudent.students.classifier.student import ClassifierStudent


class NoiseStages(StageFamily):
    """Stages of bandwidth over images of noise."""

    def __init__(self, side: int, sizes: list[int], channels: int, examples: int) -> None:
        source = Source(name="noise", side=side, examples=examples + 64, probe=32, validation=32)
        super().__init__(source, knobs=None, stages=[{"bandwidth": size} for size in sizes])
        self._channels = channels

    def read(self) -> tuple[Images, Images]:
        """Return noise."""
        rng = np.random.default_rng(0)
        shape = (self._channels, self.source.side, self.source.side)
        n = self.source.examples
        parts = [(rng.integers(0, 256, (m, *shape)).astype(np.uint8), np.arange(m) % 10) for m in (n, 10)]
        return Images(*parts[0]), Images(*parts[1])


def main() -> None:
    """Print the tables."""
    given = _parse()
    torch.set_num_threads(given.threads)
    print(f"{describe_machine()}; torch threads: {given.threads}; batch {given.batch}; {given.precision}")
    print(f"\n{'backbone':<10}{'size':>6}{'ms/image':>10}{'MFLOP':>9}{'images/s':>10}{'time':>7}{'FLOPs':>7}")
    for backbone in given.backbones:
        sizes_table(backbone, given)
    print(
        f"\n{'backbone':<10}{'bare ms/step':>13}{'student':>10}{'ratio':>8}   the framework over a bare loop"
    )
    for backbone in given.backbones[:2]:
        overhead(backbone, given)
    print(f"\n{'batches of':<12}{'us/batch':>10}{'ratio':>8}   drawing {given.batch} images of 28 x 28")
    batches(given)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--backbones", nargs="+", default=list(BACKBONES), help="names")
    parser.add_argument("--full", type=int, default=28, help="side of the images")
    parser.add_argument(
        "--sizes",
        type=int,
        nargs="+",
        default=[16, 20, 24, 28],
        help="two at least, ascending, the last full",
    )
    parser.add_argument("--channels", type=int, default=1)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--precision", default="float32", help="float32, bfloat16 or float16")
    parser.add_argument("--channels-last", action="store_true", help="memory layout")
    parser.add_argument("--compile", action="store_true", help="torch.compile the network")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=1.0, help="for each figure")
    parser.add_argument("--quick", action="store_true", help="two backbones, a tenth of a second each")
    given = parser.parse_args()
    if len(set(given.sizes)) < 2:
        parser.error(f"--sizes: expected at least two different sizes, got {' '.join(map(str, given.sizes))}")
    if given.quick:
        given.backbones, given.seconds = ["cnn", "resnet"], 0.1
    return given


def make(backbone: str, given: argparse.Namespace) -> ClassifierStudent:
    """Return a student of a backbone over noise; its chunks are single steps at the full size."""
    family = NoiseStages(given.full, given.sizes, given.channels, max(512, given.batch))
    machine = {"precision": given.precision, "compile": given.compile}
    machine["channels_last"] = given.channels_last
    training = {"batch_size": given.batch}
    return ClassifierStudent(family, seed=0, backbone=backbone, training=training, machine=machine)


def fastest(work: Callable[[], Any], seconds: float) -> float:
    """Return the least seconds of a call, after one to warm up."""
    work()
    best, end = np.inf, time.perf_counter() + seconds
    while time.perf_counter() < end:
        best = min(best, _seconds(work))
    return float(best)


def sizes_table(backbone: str, given: argparse.Namespace) -> None:
    """Print a line for each size."""
    student = make(backbone, given)
    trainer = student.trainer
    rows = []
    for number, size in enumerate(given.sizes):
        setting = student.family.setting(number)
        if trainer.size(setting) != size:
            continue  # the network takes no such size
        indices, _ = trainer.draw(setting)
        step = fastest(lambda s=setting, i=indices: trainer.step(i, s, rate=1e-4), given.seconds)
        rows.append((size, step / given.batch, trainer.cost(setting)))
    _, full, operations = rows[-1]
    for size, seconds, cost in rows:
        print(
            f"{backbone:<10}{size:>6}{1e3 * seconds:>10.3f}{cost / 1e6:>9.1f}{1 / seconds:>10.0f}"
            f"{seconds / full:>7.2f}{cost / operations:>7.2f}",
            flush=True,
        )


def overhead(backbone: str, given: argparse.Namespace) -> None:
    """Print the time of a step in the student and in a bare loop over the same network and data."""
    student = make(backbone, given)
    trainer, steps = student.trainer, 8
    inputs, network = trainer.inputs["train"], trainer.learner.network
    images, labels = inputs.images, inputs.labels
    mean, std = (x.view(1, -1, 1, 1) * 255 for x in (inputs._mean, inputs._std))
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-4)
    student.rounds.chunk = steps * given.batch * trainer.flops(given.full).train
    task = len(given.sizes) - 1

    def layout(x: torch.Tensor) -> torch.Tensor:
        return x.contiguous(memory_format=torch.channels_last) if given.channels_last else x

    def bare() -> None:
        order = torch.randperm(len(labels), device=labels.device)
        for k in range(steps):
            rows = order[given.batch * (k % (len(order) // given.batch)) :][: given.batch]
            optimizer.zero_grad(set_to_none=True)
            with trainer.learner.arithmetic():
                logits = network(layout((images[rows].float() - mean) / std))
            functional.cross_entropy(logits.float(), labels[rows]).backward()
            optimizer.step()

    setting = student.family.setting(task)
    pairs = []
    end = time.perf_counter() + 10 * given.seconds
    while len(pairs) < 3 or time.perf_counter() < end:
        pairs.append((_seconds(bare) / steps, _seconds(lambda: student.rounds.steps(setting)) / steps))
    bare_, own = np.median(pairs[1:], axis=0)
    ratio = float(np.median([b / a for a, b in pairs[1:]]))
    print(f"{backbone:<10}{1e3 * bare_:>13.2f}{1e3 * own:>10.2f}{ratio:>8.3f}", flush=True)


def _seconds(work: Callable[[], Any]) -> float:
    """Return what a call takes: of a GPU's time, or of this process's on the CPU, where others may run."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
        start = time.perf_counter()
        work()
        torch.cuda.synchronize()
        return time.perf_counter() - start
    start = time.process_time()
    work()
    return time.process_time() - start


def batches(given: argparse.Namespace) -> None:
    """Print what a batch costs by index tensor and by DataLoader."""
    n = 10_000
    images = torch.randint(0, 256, (n, 1, 28, 28), dtype=torch.uint8)
    labels = torch.randint(0, 10, (n,))
    data = TensorDataset(images, labels)
    half = Subset(data, list(range(0, n, 2)))
    sampler = IndexSampler(n, seed=0, device=torch.device("cpu"))

    def by_index() -> None:
        for _ in range(10):
            rows = sampler.next(given.batch)
            _ = images[rows], labels[rows]

    def by_loader(source: Any) -> Callable[[], None]:
        def draw() -> None:
            loader = iter(DataLoader(source, batch_size=given.batch, shuffle=True))
            for _ in range(10):
                next(loader)

        return draw

    base = fastest(by_index, given.seconds) / 10
    rows = {"indices": base, "DataLoader": 0.0, "of a Subset": 0.0}
    rows["DataLoader"] = fastest(by_loader(data), given.seconds) / 10
    rows["of a Subset"] = fastest(by_loader(half), given.seconds) / 10
    for name, seconds in rows.items():
        print(f"{name:<12}{1e6 * seconds:>10.0f}{seconds / base:>8.1f}")


if __name__ == "__main__":
    main()
