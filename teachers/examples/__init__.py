"""Teachers of single training examples, and what they share: choosing and pacing.

Families and the framework import nothing from here.
"""
