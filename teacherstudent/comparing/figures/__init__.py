"""Figures of a comparison: curves, and pictures of what teachers did.

Only `comparing` imports from here; the only folder that needs matplotlib.
"""
