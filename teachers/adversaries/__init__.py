"""Teachers whose tasks are built by an adversary that learns: minimax, PAIRED, REPAIRED.

The only teachers that need torch. Families, students and the framework import nothing from here.
"""
