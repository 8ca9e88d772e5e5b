"""Files of the pack: edits, LoRAs, unfinished work."""
