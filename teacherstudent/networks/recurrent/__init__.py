"""Recurrent layers on the packed episodes of a rollout, computed by the project's own kernels on the CPU.

The students of reinforcement learning import from here.
"""
