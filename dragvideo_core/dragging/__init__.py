"""What the stage `drag` is made of: latent offsets, supervision, tracking, sharing between frames, rounds."""
