"""continuity: renders candidates, measures each against an established identity, stops at the first within tolerance.

The public names stand in ``__init__.pyi`` and are loaded on first use (PEP 562), so that ``import continuity`` costs
next to nothing and imports no model runtime.
"""

import logging

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)

logging.getLogger("continuity").addHandler(logging.NullHandler())
del logging, lazy_loader
