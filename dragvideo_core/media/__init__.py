"""Films and pictures: reading and writing them, resizing, drawing on them, plots."""
