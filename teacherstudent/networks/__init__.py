"""Torch modules: devices, states as plain data, and recurrent layers on packed episodes.

Students import from here, and teachers that train a network of their own.
"""
