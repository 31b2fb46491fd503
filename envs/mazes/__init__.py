"""Mazes as a space of levels: codes, generators, edits, solver, named layouts and test suites.

Neither teachers nor students import from here; `batch` steps many mazes at once.
"""
