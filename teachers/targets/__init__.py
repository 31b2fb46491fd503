"""Teachers that are told which tasks are wanted in the end, and lead the student there from easy ones.

Families, students and the framework import nothing from here.
"""
