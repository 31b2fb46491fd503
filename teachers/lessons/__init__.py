"""Teachers that go through lessons in an order: on to the next one when a lesson is mastered.

Families, students and the framework import nothing from here.
"""
