"""Nodes for ComfyUI: this folder is copied into ``custom_nodes`` (``continuity comfyui DIR``) and runs there.

ComfyUI has an environment of its own, so nothing of continuity is imported here: the nodes speak to
``continuity serve``, which the interpreter of another environment runs. They need numpy and torch, which ComfyUI has.
"""

from .nodes import NODE_CLASS_MAPPINGS, NODE_DISPLAY_NAME_MAPPINGS

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]
