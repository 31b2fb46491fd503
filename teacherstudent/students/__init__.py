"""Students: one file each, or one folder with what only they use.

Nothing but the adapters imports from here: students are found by their names.
"""

from teacherstudent.contract.registry import STUDENTS

entries = STUDENTS.entries
get = STUDENTS.get
make = STUDENTS.make
names = STUDENTS.names
register = STUDENTS.register

__all__ = ["entries", "get", "make", "names", "register"]
