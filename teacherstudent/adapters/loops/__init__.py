"""Loops of other libraries: slots whose rewards and ends are torch tensors, TorchRL, RLlib.

Each module needs its library alone; nothing here is imported by the core.
"""
