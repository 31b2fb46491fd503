"""One thread for each test process, and no data sets: tests need nothing but what is installed with them.

Test processes run side by side, and small matrices get slower with threads.
"""

import os

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # before numpy and torch load; worker processes inherit it
os.environ["TEACHERSTUDENT_DATA"] = os.path.join(os.path.dirname(__file__), "no-data")  # not there
