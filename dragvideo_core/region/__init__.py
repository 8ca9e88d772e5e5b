"""A part of every frame: cut out of a large film, edited, and put back."""
