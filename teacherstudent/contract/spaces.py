"""Task spaces: gymnasium spaces with named parameters, levels, and vectorised helpers.

A batch of tasks has shape ``(n, *space.shape)``. Everything here lives in `teacherstudent.contract.tasks`:
boxes and the unit cube in `boxes`, kinds of parameters in `dimensions`, lists in `listed`, spaces that know
their tasks themselves in `levels`, keys in `keys`, and what works on spaces of every kind in `kinds`.
"""

from __future__ import annotations

from gymnasium.spaces import Box, Discrete

from teacherstudent.contract.tasks.boxes import (
    Parameters,
    check_single,
    edges,
    from_flat,
    from_unit,
    is_whole,
    to_unit,
    whole_numbers,
)
from teacherstudent.contract.tasks.dimensions import Dimension, choice, log, whole
from teacherstudent.contract.tasks.keys import count, features, keys
from teacherstudent.contract.tasks.kinds import (
    around,
    as_box,
    as_parameters,
    box_of,
    check_like,
    check_space,
    check_tasks,
    contains_each,
    describe,
    dimension_names,
    ends,
    holds,
    hull,
    named,
    numbers,
    ranges,
    rebuilt,
    sample,
    sample_simple,
    task_dict,
)
from teacherstudent.contract.tasks.levels import Levels, Mutable, OwnTasks
from teacherstudent.contract.tasks.listed import Examples, Listed

__all__ = [
    "Box",
    "Dimension",
    "Discrete",
    "Examples",
    "Levels",
    "Listed",
    "Mutable",
    "OwnTasks",
    "Parameters",
    "around",
    "as_box",
    "as_parameters",
    "box_of",
    "check_like",
    "check_single",
    "check_space",
    "check_tasks",
    "choice",
    "contains_each",
    "count",
    "describe",
    "dimension_names",
    "edges",
    "ends",
    "features",
    "from_flat",
    "from_unit",
    "holds",
    "hull",
    "is_whole",
    "keys",
    "log",
    "named",
    "numbers",
    "ranges",
    "rebuilt",
    "sample",
    "sample_simple",
    "task_dict",
    "to_unit",
    "whole",
    "whole_numbers",
]
