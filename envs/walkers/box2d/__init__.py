"""The walkers in Box2D: bodies, lidar, and the environment.

The only folder that needs Box2D, with the pictures; the families import from here what a user asks for by
name.
"""
