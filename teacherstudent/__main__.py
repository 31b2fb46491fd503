"""``python -m teacherstudent`` is the command line."""

import sys

from teacherstudent.cli import main

sys.exit(main())
