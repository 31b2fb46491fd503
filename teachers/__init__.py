"""Teaching algorithms: one algorithm, one file, one public class, with what it computes beside it.

A folder holds the algorithms of one kind and their numerics. Nothing but the root package imports from here:
teachers are found by their names.
"""

from teacherstudent.contract.registry import TEACHERS
from teacherstudent.recording.disk.saved_teachers import load

# The package is linked into teacherstudent. By another name all teachers would be registered twice.
if __name__ != "teacherstudent.teachers":
    raise ImportError(f"import this package as teacherstudent.teachers, not as {__name__}")

entries = TEACHERS.entries
get = TEACHERS.get
make = TEACHERS.make
names = TEACHERS.names
register = TEACHERS.register

__all__ = ["entries", "get", "load", "make", "names", "register"]
