"""What a group makes of a piece of work is what one process makes of it, on every rank."""

from __future__ import annotations

import pytest
import torch

from dragvideo_core.group import ALONE, LARGEST_SMALL, Group

from .shared_work import WORK, Results, all_work, run, small_numbers

pytestmark = [pytest.mark.distributed, pytest.mark.slow]


class Pretended(Group):
    def __init__(self, rank: int, size: int):
        self.rank, self.size = rank, size


@pytest.mark.parametrize("count", [0, 1, 2, 5, 6, 7])
def test_shares_are_contiguous_even_and_whole(count):
    shares = [Pretended(rank, 3).share(count) for rank in range(3)]
    assert [frame for share in shares for frame in range(count)[share]] == list(range(count))
    sizes = [share.stop - share.start for share in shares]
    assert sizes == sorted(sizes, reverse=True) and max(sizes) - min(sizes) <= 1


@pytest.fixture(scope="module")
def alone() -> dict[str, Results]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        return {name: work(ALONE) for name, work in WORK.items()}
    finally:
        torch.set_num_threads(threads)


@pytest.fixture(scope="module", params=[2, 3])
def together(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Results]]:
    """The results of each rank."""
    folder = tmp_path_factory.mktemp("ranks")
    run(request.param, all_work, folder)
    return [torch.load(folder / f"{rank}.pt") for rank in range(request.param)]


@pytest.mark.parametrize("name", WORK)
def test_a_group_makes_what_one_process_makes(alone: dict[str, Results], together: list[dict[str, Results]], name: str):
    for rank in together:
        assert rank[name].keys() == alone[name].keys()
        for key, wanted in alone[name].items():
            made = rank[name][key]
            assert made.shape == wanted.shape
            if key == "handles":
                assert (made - wanted).abs().max() <= 1e-3, key
            else:
                assert (made - wanted).norm() <= 1e-5 * wanted.norm(), key


def test_small_numbers_are_added_up_to_their_ends(together: list[dict[str, Results]]):
    size = len(together)
    own = [small_numbers(rank, size) for rank in range(size)]
    for rank in together:
        assert rank["small numbers"]["sums"].tolist() == sum(own).tolist()
        assert rank["small numbers"]["largest"].tolist() == torch.stack(own).amax(0).tolist()
    assert sum(own)[:2].tolist() == [LARGEST_SMALL // size * size, -(LARGEST_SMALL // size * size)]
