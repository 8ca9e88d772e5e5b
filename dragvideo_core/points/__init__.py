"""Point sets, and how points are found in other frames: feature lookup, DIFT, optical flow."""
