"""Conformance kits: run them on your own teachers, families and students, as our tests do on all of ours."""

from teacherstudent.testing.families import check_family
from teacherstudent.testing.students import check_student
from teacherstudent.testing.teachers import check_teacher

__all__ = ["check_family", "check_student", "check_teacher"]
