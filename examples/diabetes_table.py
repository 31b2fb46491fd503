"""Regression on a table of scikit-learn's: a teacher weighs patients that are hard to predict less.

    python examples/diabetes_table.py

Lines that end in ``# teacher`` are what a teacher adds to the loop; those with ``# changed`` were there.
"""

import torch
import torch.nn.functional as functional
from sklearn.datasets import load_diabetes
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from teacherstudent import Discrete, Indexed, TeacherBatchSampler, teachers  # teacher

EPOCHS = 30


def main() -> None:
    """Train and print the mean absolute error on the last 100 patients."""
    torch.manual_seed(0)
    features, targets = load_diabetes(return_X_y=True)
    columns = torch.tensor(features, dtype=torch.float32) * 20
    progression = torch.tensor((targets - targets.mean()) / targets.std(), dtype=torch.float32)
    data = TensorDataset(columns[:342], progression[:342])
    model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1), nn.Flatten(0))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)

    teacher = teachers.make("superloss", Discrete(len(data)), seed=0)  # teacher
    sampler = TeacherBatchSampler(teacher, data, batch_size=32, epochs=EPOCHS)  # teacher
    loader = DataLoader(Indexed(data), batch_sampler=sampler)  # changed

    for epoch in range(EPOCHS):
        for (batch, target), indices in loader:  # changed
            losses = functional.mse_loss(model(batch), target, reduction="none")
            weighed = sampler.weights(losses, indices) * losses  # teacher
            optimizer.zero_grad()
            weighed.mean().backward()
            optimizer.step()
            sampler.tell(losses, indices)  # teacher
        if epoch % 10 == 9:
            with torch.no_grad():
                error = (model(columns[342:]) - progression[342:]).abs().mean()
            print(f"epoch {epoch}: mean absolute error {error:.3f} standard deviations")


if __name__ == "__main__":
    main()
