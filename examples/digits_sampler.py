"""A plain PyTorch loop in which a teacher chooses the examples of every batch.

    python examples/digits_sampler.py

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import torch
import torch.nn.functional as functional
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from teacherstudent import Discrete, Indexed, TeacherBatchSampler, teachers  # teacher
from teacherstudent.students.classifier.networks.backbones import SmallCNN

EPOCHS = 4


def main() -> None:
    """Train and print the accuracy on the last 300 digits."""
    torch.manual_seed(0)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    classes = torch.tensor(labels)
    data = TensorDataset(images[:1497], classes[:1497])
    model = SmallCNN(10, 1, 8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

    teacher = teachers.make("loss-proportional", Discrete(len(data)), seed=0)  # teacher
    sampler = TeacherBatchSampler(teacher, len(data), batch_size=64, epochs=EPOCHS)  # teacher
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
            right = (model(images[1497:]).argmax(1) == classes[1497:]).float().mean()
        model.train()
        print(f"epoch {epoch}: {100 * right:.1f} % of 300 digits")


if __name__ == "__main__":
    main()
