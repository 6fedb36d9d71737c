"""Scoring and ledgers for other programs on this machine: JSON lines in, JSON lines out, models warm.

docs/serve.md is the wire format.
"""

from continuity.serving.conversation import Stop, converse
from continuity.serving.service import Service
from continuity.serving.sockets import listen

__all__ = ["Service", "Stop", "converse", "listen"]
