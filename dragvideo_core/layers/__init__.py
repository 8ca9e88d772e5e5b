"""The layer: how much of each pixel of each frame shows the thing that is dragged."""
