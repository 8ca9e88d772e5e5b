"""What a group makes of a piece of work is what one process makes of it, on every rank."""

from __future__ import annotations

import pytest
import torch

from dragvideo_core.group import ALONE, LARGEST_SMALL, Group

from .shared_work import WORK, Results, all_work, run

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


def adds_small_numbers(group: Group, folder) -> None:
    for count in (1, 2, 7):
        ends = torch.tensor([LARGEST_SMALL, -LARGEST_SMALL, 0, 1, -1, -LARGEST_SMALL, LARGEST_SMALL])[:count] // group.size
        own = torch.randint(-100, 100, (count,), generator=torch.Generator().manual_seed(group.rank))
        others = [torch.randint(-100, 100, (count,), generator=torch.Generator().manual_seed(r)) for r in range(group.size)]
        assert group.sum_small(own).tolist() == sum(others).tolist()
        assert group.sum_small(ends.float()).tolist() == (ends * group.size).tolist()
        assert group.largest(own.float()).tolist() == torch.stack(others).amax(0).tolist()


def test_small_numbers_are_added_up_to_their_ends(tmp_path):
    run(3, adds_small_numbers, tmp_path)
