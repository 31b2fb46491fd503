"""Slots spread over processes, and processes that end with the one that started them.

Families and the folder `running` import from here.
"""
