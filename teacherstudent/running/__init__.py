"""Running experiments: the loop, studies of several runs in parallel, progress bars.

Nothing but the command line and the root package imports from here.
"""
