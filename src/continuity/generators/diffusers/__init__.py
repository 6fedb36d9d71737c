"""Any diffusers pipeline whose output is pictures or frames, as a generator."""

from continuity.generators.diffusers.generator import DiffusersGenerator

__all__ = ["DiffusersGenerator"]
