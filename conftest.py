"""One thread for each test process: they run side by side, and small matrices get slower with threads."""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy and torch load; worker processes inherit it
