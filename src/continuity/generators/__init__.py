"""Generators: recipe -> media. Foreign exceptions become ``RenderFailed`` here, with what the render cost."""

from continuity.generators.diffusers import DiffusersGenerator
from continuity.generators.folder import FolderGenerator
from continuity.generators.function import FunctionGenerator
from continuity.generators.simulator import Simulator

__all__ = ["DiffusersGenerator", "FolderGenerator", "FunctionGenerator", "Simulator"]
