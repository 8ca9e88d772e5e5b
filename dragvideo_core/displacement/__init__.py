"""The dragged part moves as a piece: a mesh over its layer, bent as rigidly as possible, drawn over the ground."""
