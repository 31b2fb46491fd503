"""What walkers walk on: shapes, tracks and levels, laid by kernels.

Only the walkers import from here.
"""
