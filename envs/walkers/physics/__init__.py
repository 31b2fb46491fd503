"""The walkers' physics: one step of Box2D's solver as kernels, from joints to contacts.

Only the walkers import from here.
"""
