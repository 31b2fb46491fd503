"""Teachers of goals that may be out of reach: they stay where a student succeeds now and then.

Families, students and the framework import nothing from here.
"""
