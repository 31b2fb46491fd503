"""A plain PyTorch loop with stages: layers far from the input learn slowly at first.

    python examples/digits_stages.py

Lines that end in ``# teacher`` are what a teacher adds to the loop.
"""

import torch
import torch.nn.functional as functional
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, TensorDataset

from teacherstudent import Parameters, StageController, teachers  # teacher
from teacherstudent.students.classifier.networks.backbones import SmallCNN

EPOCHS = 4


def main() -> None:
    """Train and print the accuracy on the last 300 digits."""
    torch.manual_seed(0)
    pixels, labels = load_digits(return_X_y=True)
    images = torch.tensor(pixels, dtype=torch.float32).view(-1, 1, 8, 8) / 16
    classes = torch.tensor(labels)
    loader = DataLoader(TensorDataset(images[:1497], classes[:1497]), batch_size=64, shuffle=True)
    model = SmallCNN(10, 1, 8)
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
    steps = EPOCHS * len(loader)

    teacher = teachers.make("lerac", Parameters(lr_spread=(0, 3)), seed=0, share=0.5)  # teacher
    control = StageController(teacher, model=model, optimizer=optimizer, steps=steps)  # teacher

    for epoch in range(EPOCHS):
        for batch, target in loader:
            loss = functional.cross_entropy(model(batch), target)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            control.step(loss)  # teacher
        model.eval()
        with torch.no_grad():
            right = (model(images[1497:]).argmax(1) == classes[1497:]).float().mean()
        model.train()
        spread = control.setting["lr_spread"]
        print(f"epoch {epoch}: {100 * right:.1f} % of 300 digits, spread {spread:.2f} decades")


if __name__ == "__main__":
    main()
