"""Print the p-values of the committed comparisons, and the same corrected for how many they are (Holm).

python experiments/results/holm.py > experiments/results/holm.txt
"""

import csv
from pathlib import Path

import numpy as np

from teacherstudent.comparing.stats import holm

FOLDER = Path(__file__).parent


def main() -> None:
    """Print a line for every teacher with a p, by folder."""
    print(f"{'':<14}{'teacher':<20}{'p':>8}{'Holm':>8}")
    for path in sorted(FOLDER.glob("*/comparison.csv")):
        with path.open(encoding="utf-8") as file:
            rows = [row for row in csv.DictReader(file) if row.get("p")]
        corrected = holm(np.array([float(row["p"]) for row in rows]))
        for row, p in zip(rows, corrected.tolist(), strict=True):
            print(f"{path.parent.name:<14}{row['teacher']:<20}{float(row['p']):>8.4f}{p:>8.4f}")


if __name__ == "__main__":
    main()
