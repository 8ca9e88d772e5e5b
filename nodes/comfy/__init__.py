"""The one seam to ComfyUI: running a stage, messages, folders, memory, its models and its values."""
