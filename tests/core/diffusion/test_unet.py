"""What is read of a denoiser is what diffusers built."""

from dragvideo_core.diffusion.unet import all_blocks, first_width, up_blocks

from ..tiny import tiny_model


def test_blocks_come_in_the_order_in_which_they_run():
    denoiser = tiny_model().denoiser
    blocks = all_blocks(denoiser)
    assert len(blocks) == 9 and blocks[4] is denoiser.mid_block and blocks[5:] == list(up_blocks(denoiser))
    assert type(first_width(denoiser)) is int and first_width(denoiser) == denoiser.conv_in.out_channels
