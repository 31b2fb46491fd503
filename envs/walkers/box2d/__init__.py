"""The walkers in Box2D: bodies, lidar, environments, and pictures, which gymnasium's walker draws.

The only folder that needs Box2D. The families import from here when a user asks for Box2D or for a picture.
"""

from __future__ import annotations

import importlib


def require(package: str) -> None:
    """Raise ImportError that names the extra if a package that walkers in Box2D need cannot be imported."""
    try:
        importlib.import_module(package)
    except ImportError as error:
        raise ImportError(
            f"walkers in Box2D, and pictures of walkers: expected the package {package}; install it with "
            f"pip install 'teacherstudent[box2d]' ({error})"
        ) from error


# A sentence that names the extra, before gymnasium says something about a package of its own.
require("Box2D")
