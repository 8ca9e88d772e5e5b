"""Frames in their order: smoothing, and measures of an edited clip."""
