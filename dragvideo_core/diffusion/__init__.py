"""Stable-Diffusion-shaped models: DDIM, the denoiser and its attention, LoRA, memory, work in chunks."""
