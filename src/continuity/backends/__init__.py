"""The models, and the only home of their runtimes. Everything above meets them through ``continuity.interfaces``."""

from continuity.backends.installs import check_installs
from continuity.backends.local import LocalBackends

__all__ = ["LocalBackends", "check_installs"]
