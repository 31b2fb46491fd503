"""Students: one file each."""

from teacherstudent.registry import STUDENTS

entries, get, make, names, register = (
    STUDENTS.entries,
    STUDENTS.get,
    STUDENTS.make,
    STUDENTS.names,
    STUDENTS.register,
)

__all__ = ["entries", "get", "make", "names", "register"]
