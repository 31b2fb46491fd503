"""Two processes that train one network (DistributedDataParallel, gloo), with one teacher for both.

    python examples/digits_processes.py

Rank 0 holds the teacher; the samplers deal its examples out and bring the losses back. Lines that end in
``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import tempfile

import torch
import torch.distributed as distributed
import torch.nn.functional as functional
from sklearn.datasets import load_digits
from torch.multiprocessing.spawn import spawn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader, TensorDataset

from teacherstudent import Discrete, Indexed, TeacherBatchSampler, teachers  # teacher
from teacherstudent.students.classifier.networks.backbones import SmallCNN

EPOCHS = 3
RANKS = 2


def train(rank: int, meet: str) -> None:
    """Train in one process; rank 0 prints the accuracy on the last 300 digits."""
    distributed.init_process_group("gloo", init_method=f"file://{meet}", rank=rank, world_size=RANKS)
    torch.manual_seed(0)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    classes = torch.tensor(labels)
    data = TensorDataset(images[:1497], classes[:1497])
    model = DistributedDataParallel(SmallCNN(10, 1, 8))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

    space = Discrete(len(data))  # teacher
    teacher = teachers.make("loss-proportional", space, seed=0) if rank == 0 else None  # teacher
    sampler = TeacherBatchSampler(teacher, len(data), batch_size=32, epochs=EPOCHS)  # teacher
    loader = DataLoader(Indexed(data), batch_sampler=sampler)  # changed

    for epoch in range(EPOCHS):
        for (batch, target), indices in loader:  # changed
            losses = functional.cross_entropy(model(batch), target, reduction="none")
            optimizer.zero_grad()
            losses.mean().backward()
            optimizer.step()
            sampler.tell(losses, indices)  # teacher
        model.eval()
        with torch.no_grad():
            right = (model.module(images[1497:]).argmax(1) == classes[1497:]).float().mean()
        model.train()
        if rank == 0:
            print(f"epoch {epoch}: {100 * right:.1f} % of 300 digits", flush=True)
    distributed.destroy_process_group()


def main() -> None:
    """Start the processes and wait for them."""
    with tempfile.TemporaryDirectory() as folder:
        spawn(train, (f"{folder}/meet",), nprocs=RANKS)


if __name__ == "__main__":
    main()
