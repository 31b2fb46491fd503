"""Engines run the experiments of a study side by side, in processes of this machine or on a Ray cluster.

`interface.Engine` is what an engine offers; `running.parallel.run_all` is what asks it.
"""
