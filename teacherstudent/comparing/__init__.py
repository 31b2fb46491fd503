"""Comparing runs: what may be compared, statistics over seeds, tables, figures.

Only what runs experiments imports from here.
"""
