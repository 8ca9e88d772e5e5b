"""Drag-A-Video for ComfyUI: drag points on one frame of a video, and every other frame follows."""

from .nodes import comfy_entrypoint

WEB_DIRECTORY = "./js"

__all__ = ["WEB_DIRECTORY", "comfy_entrypoint"]
