"""The models, and the only home of their runtimes. Everything above meets them through ``continuity.interfaces``."""

from continuity.backends.clip import ClipLook
from continuity.backends.insightface_faces import InsightFaces
from continuity.backends.local import LocalBackends
from continuity.installs import check_installs

__all__ = ["ClipLook", "InsightFaces", "LocalBackends", "check_installs"]
