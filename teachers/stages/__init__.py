"""Teachers of training stages: open-loop paths of training knobs over the budget.

Families, students and the framework import nothing from here.
"""
