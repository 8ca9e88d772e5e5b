"""The ground behind a thing that was moved away: found in other frames, or made up where no frame shows it."""
