"""Families of goals with a sparse reward, of which most may be out of reach.

Teachers and students import nothing from here.
"""
