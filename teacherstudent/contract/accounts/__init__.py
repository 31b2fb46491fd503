"""Accounts of a run: what is planned, spent, handed out and not yet told of, and what failed.

Everything may import from here.
"""
