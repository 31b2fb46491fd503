"""A point mass that must pass a gate: the family, its physics, its batch of slots and its picture.

Teachers and students import nothing from here.
"""
