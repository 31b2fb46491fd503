"""What comes from files of a run: settings of its parts, names that may be trusted, checked states.

Everything may import from here.
"""
