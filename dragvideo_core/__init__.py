"""Drag-A-Video: drag points on one frame of a video, and every frame follows (Teng et al. 2023).

    clip      = load(path)                                    the video's frames
    picks     = pick(json, clip.size, len(clip))              handle points, target points, mask points
    segmenter = segment(mask=..., sam=...)                    what belongs to the thing that was clicked
    tracks    = propagate(clip, picks, segmenter, model)      the point sets in every frame (Sec. 3.2)
    tuned     = tune(clip, model)                             a LoRA that knows the clip (Sec. 4.1)
    inversion = invert(clip, tuned)                           latents at every noise level (Sec. 3.3)
    edit      = drag(inversion, tracks, tuned)                latent offsets that move the handles (Sec. 3.3, 3.4)
    edited, _ = decode(clip, inversion, edit, tracks, tuned)  the edited frames
    scores    = evaluate(clip, edited, tracks, model)         how good it is (Sec. 4, Appendix A)

`pipeline.py` runs the nine in order, and `displace`, which is ours, after `propagate`. Each has a file of its name in `stages/`;
what they are made of is in the packages beside it, named after their fields. docs/architecture.md has the picture.
"""
