"""Files and what stands in them: written whole, read within limits, shown without commands.

Everything but the contract may import from here.
"""
