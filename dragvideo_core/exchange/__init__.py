"""What other packs read and write: points, tracks, corrections."""
