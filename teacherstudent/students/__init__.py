"""Students: one file each."""

from teacherstudent.contract.registry import STUDENTS

entries = STUDENTS.entries
get = STUDENTS.get
make = STUDENTS.make
names = STUDENTS.names
register = STUDENTS.register

__all__ = ["entries", "get", "make", "names", "register"]
