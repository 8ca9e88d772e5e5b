import av
import cv2
import numpy as np
import pytest

from dragvideo_core.embedded.photographs import FILM_FRAMES, LARGEST, photographs, random_crop


def test_pictures_and_films_of_a_folder_are_read_as_rgb_and_large_ones_shrunk(tmp_path):
    red = np.zeros((2400, 2800, 3), np.uint8)
    red[..., 2] = 255  # OpenCV writes blue first
    cv2.imwrite(str(tmp_path / "red.png"), red)
    (tmp_path / "licence.txt").write_text("no picture")
    with av.open(str(tmp_path / "film.mp4"), "w") as film:
        stream = film.add_stream("mpeg4", rate=8)
        stream.width, stream.height, stream.pix_fmt = 160, 144, "yuv420p"
        for _ in range(2 * FILM_FRAMES):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((144, 160, 3), np.uint8), format="rgb24")))
        film.mux(stream.encode())
    *frames, picture = photographs(tmp_path)
    assert picture.shape == (LARGEST, 2520, 3) and picture[0, 0].tolist() == [255, 0, 0]
    assert len(frames) == FILM_FRAMES and frames[0].shape == (144, 160, 3)


def test_a_folder_without_pictures_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="docs/model.md"):
        photographs(tmp_path)


def test_crops_are_of_all_sizes_and_follow_the_generator():
    noise = np.random.default_rng(0).integers(0, 60, (400, 600, 3))
    picture = (np.linspace(0, 195, 600)[None, :, None] + noise).astype(np.uint8)
    crops = [random_crop([picture], np.random.default_rng(seed)) for seed in range(20)]
    assert {crop.shape for crop in crops} == {(128, 128, 3)}
    widths = [crop[:, -8:].mean() - crop[:, :8].mean() for crop in crops]
    assert min(widths) < 100 and max(widths) > 105  # of 600 px: 256 to 400 px across
    assert np.array_equal(crops[3], random_crop([picture], np.random.default_rng(3)))


def test_a_smooth_picture_is_taken_less_often_than_a_busy_one():
    smooth = np.tile(np.linspace(0, 255, 600, dtype=np.uint8)[None, :, None], (400, 1, 3))
    busy = np.kron(np.random.default_rng(0).integers(0, 255, (100, 150, 3)), np.ones((4, 4, 1))).astype(np.uint8)
    rng = np.random.default_rng(1)
    steps = [np.abs(np.diff(random_crop([smooth, busy], rng).astype(float), axis=1)).mean() for _ in range(40)]
    assert sum(step > 10 for step in steps) > 30
