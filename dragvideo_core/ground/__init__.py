"""What lies behind a thing that has moved away."""
