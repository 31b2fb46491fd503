"""Kinds of tasks: dimensions of boxes, lists, and levels that are built step by step.

Everything may import from here.
"""
