"""A group of processes that share one piece of work by its frames: each has a contiguous share, and they exchange little.

Every process of a group (a *rank*) calls the same stage with the same inputs, and every one gets the same whole result. A stage
is written once, against `Group`: without other ranks, `ALONE`, its share is everything and nothing is exchanged or imported.

With others, `joined()` makes it of a `torch.distributed` process group: gloo for CPUs and for cards of different kinds, NCCL for
CUDA. Tensors travel through the memory that the backend asks for. What has to be the same bit for bit on every rank (where the
handles go, whether to go on) is decided by the first rank, since devices of different kinds round differently.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from typing import Any

import torch
from safetensors.torch import load, save
from torch import Tensor

from .pulse import LOST_AFTER, Pulse
from .types import UserError

State = dict[str, Tensor]


class LostRank(UserError):
    """Another rank is gone: nothing can be exchanged any more."""


class Group:
    """One process by itself. `Ranks` overrides what several do differently."""

    rank: int = 0
    size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this rank decides, writes files and shows pictures."""
        return self.rank == 0

    def share(self, count: int, rank: int | None = None) -> slice:
        """Which of `count` frames a rank has, this one if none is named: contiguous, in the order of the ranks, none one more than
        one larger than another; the last ranks have none where there are fewer frames than ranks."""
        rank = self.rank if rank is None else rank
        each, more = divmod(count, self.size)
        start = rank * each + min(rank, more)
        return slice(start, start + each + int(rank < more))

    def sum(self, tensors: list[Tensor]) -> list[Tensor]:
        """Each float32 tensor, added up over all ranks: the same bits on each. One message, whatever their number."""
        return tensors

    def sum_small(self, numbers: Tensor) -> Tensor:
        """Whole numbers, of any kind, added up over all ranks: float32 on the CPU. 16 bits of each travel, so no sum of them may
        be further from zero than `LARGEST_SMALL`."""
        return numbers.cpu().float()

    def largest(self, numbers: Tensor) -> Tensor:
        """The largest of all ranks' float32 numbers, each by itself, on the CPU."""
        return numbers.cpu()

    def gather(self, part: Tensor, shares: list[slice]) -> Tensor:
        """The parts (n, ...) of all ranks, put together in their order: (N, ...) on the CPU. shares: which rows each rank has."""
        return part.cpu()

    def gather_frames(self, part: Tensor, count: int) -> Tensor:
        """The frames (n, ...) of all ranks, n this rank's `share` of `count`: (count, ...) on the CPU."""
        return self.gather(part, [self.share(count, rank) for rank in range(self.size)])

    def exchange(self, sent: dict[int, Tensor], wanted: dict[int, int]) -> dict[int, Tensor]:
        """Rank -> the float32 numbers (n,) that it sent to this one. wanted: rank -> their n, as both sides know it."""
        return {}

    def from_first(self, tensor: Tensor) -> Tensor:
        """The first rank's tensor, where all have one of this shape and dtype."""
        return tensor

    def state_from_first(self, state: State | None) -> State | None:
        """The first rank's state, on the CPU."""
        return state

    def first_says(self, *claims: bool) -> list[bool]:
        """What the first rank says is so."""
        return list(claims)

    def send(self, rank: int, state: State) -> None:
        """Hand a state over to another rank, which has to `receive` it. It may be called from several threads, for a rank each."""
        raise ValueError(f"there is no other rank {rank}")

    def receive(self, rank: int) -> State:
        """The state that another rank sends, on the CPU, however long that takes."""
        raise ValueError(f"there is no other rank {rank}")

    def check_alike(self, what: str, text: Callable[[], str]) -> None:
        """UserError, on every rank, unless `text` is the same on all: what they share the work of has to be one and the same."""


ALONE = Group()


class Ranks(Group):
    """This process of a `torch.distributed` process group."""

    def __init__(self, backend: Any, pulse: Pulse | None = None):
        """backend: the module `torch.distributed`, with its default group initialised. pulse: of this rank, where ranks may be cut
        off."""
        self.rank, self.size, self._torch = backend.get_rank(), backend.get_world_size(), backend
        on_cuda = backend.get_backend() == "nccl"
        self.device = torch.device("cuda", torch.cuda.current_device()) if on_cuda else torch.device("cpu")
        self.sent_bytes = 0  # so far, by this rank: what it handed over, without what the network adds
        self.waited = 0.0  # seconds so far, in which this rank, or one of its threads, did nothing but exchange
        self._pulse, self._lock, self._exchanges = pulse, Lock(), 0  # that go on at this moment, each in a thread

    def sum(self, tensors: list[Tensor]) -> list[Tensor]:
        flat = torch.cat([tensor.detach().float().flatten() for tensor in tensors]).to(self.device, copy=True)
        with self._exchanging(flat):
            self._torch.all_reduce(flat)
        pieces = flat.split([tensor.numel() for tensor in tensors])
        return [piece.view(tensor.shape).to(tensor.device) for piece, tensor in zip(pieces, tensors, strict=True)]

    def sum_small(self, numbers: Tensor) -> Tensor:
        flat = numbers.detach().cpu().flatten().to(torch.int32)
        even = torch.cat([flat, flat.new_zeros(len(flat) % 2)]).view(-1, 2)
        pairs = (even[:, 0] * SMALL_RANGE + even[:, 1]).to(self.device)  # no backend adds up 16-bit numbers
        with self._exchanging(pairs):
            self._torch.all_reduce(pairs)
        pairs = pairs.cpu()
        low = (pairs + SMALL_RANGE // 2) % SMALL_RANGE - SMALL_RANGE // 2
        high = torch.div(pairs - low, SMALL_RANGE, rounding_mode="floor")
        return torch.stack([high, low], 1).flatten()[: len(flat)].view(numbers.shape).float()

    def largest(self, numbers: Tensor) -> Tensor:
        held = numbers.detach().float().contiguous().to(self.device, copy=True)
        with self._exchanging(held):
            self._torch.all_reduce(held, self._torch.ReduceOp.MAX)
        return held.cpu()

    def gather(self, part: Tensor, shares: list[slice]) -> Tensor:
        counts = [share.stop - share.start for share in shares]
        if len(part) != counts[self.rank]:
            raise ValueError(f"rank {self.rank} has {len(part)} rows: expected its share of {counts[self.rank]}.")
        whole = torch.empty(sum(counts), *part.shape[1:], dtype=part.dtype)
        for rank, share in enumerate(shares):
            rows = whole[share]
            if not rows.numel():
                continue
            rows = (part.detach().contiguous() if rank == self.rank else rows).to(self.device)
            with self._exchanging(rows if rank == self.rank else None):
                self._torch.broadcast(as_sent(rows), rank)
            whole[share] = rows.cpu()
        return whole

    def exchange(self, sent: dict[int, Tensor], wanted: dict[int, int]) -> dict[int, Tensor]:
        out = {rank: numbers.detach().float().contiguous().to(self.device) for rank, numbers in sent.items() if numbers.numel()}
        into = {rank: torch.empty(count, device=self.device) for rank, count in wanted.items() if count}
        calls = [self._torch.P2POp(self._torch.isend, numbers, rank) for rank, numbers in out.items()]
        calls += [self._torch.P2POp(self._torch.irecv, numbers, rank) for rank, numbers in into.items()]
        if calls:
            with self._exchanging(*out.values()):
                for request in self._torch.batch_isend_irecv(calls):
                    request.wait()
        return {rank: into.get(rank, torch.empty(0)) for rank in wanted}

    def from_first(self, tensor: Tensor) -> Tensor:
        values = tensor.detach().contiguous().to(self.device, copy=True)
        with self._exchanging(values if self.is_first else None):
            self._torch.broadcast(as_sent(values), 0)
        return values.to(tensor.device)

    def state_from_first(self, state: State | None) -> State | None:
        octets = save(state) if self.is_first and state is not None else b""
        count = int(self.from_first(torch.tensor(len(octets))))
        if count == 0:
            return None
        held = torch.frombuffer(bytearray(octets), dtype=torch.uint8) if self.is_first else torch.empty(count, dtype=torch.uint8)
        return load(self.from_first(held).numpy().tobytes())

    def first_says(self, *claims: bool) -> list[bool]:
        return [bool(claim) for claim in self.from_first(torch.tensor(claims, dtype=torch.uint8)).tolist()]

    def send(self, rank: int, state: State) -> None:
        plain = {name: value.detach().cpu().contiguous() for name, value in state.items()}
        octets = torch.frombuffer(bytearray(save(plain)), dtype=torch.uint8).to(self.device)
        for values in (torch.tensor([len(octets)]).to(self.device), octets):
            with self._exchanging(values):
                self._torch.isend(values, rank).wait(AGES)

    def receive(self, rank: int) -> State:
        count = torch.zeros(1, dtype=torch.int64, device=self.device)
        with self._exchanging():
            self._torch.irecv(count, rank).wait(AGES)
        octets = torch.empty(int(count), dtype=torch.uint8, device=self.device)
        with self._exchanging():
            self._torch.irecv(octets, rank).wait(AGES)
        state = load(octets.cpu().numpy().tobytes())
        return {
            name: value.clone() for name, value in state.items()
        }  # where it lies in memory, as a computed one: sums round alike

    def check_alike(self, what: str, text: Callable[[], str]) -> None:
        rows = torch.zeros(1, TEXT_BYTES, dtype=torch.uint8)
        octets = text().encode()[:TEXT_BYTES]
        rows[0, : len(octets)] = torch.frombuffer(bytearray(octets), dtype=torch.uint8)
        texts = [bytes(row.tolist()).rstrip(b"\0").decode(errors="replace") for row in self.gather_frames(rows, self.size)]
        other = next((rank for rank, said in enumerate(texts) if said != texts[0]), None)
        if other is not None:
            raise UserError(
                f"{what} differs between the processes of the group: expected the same on all, got {texts[0]} on rank 0 and "
                f"{texts[other]} on rank {other}. Give every process the same, and start them again."
            )

    @contextmanager
    def _exchanging(self, *sent: Tensor | None) -> Iterator[None]:
        """Counts bytes and seconds. LostRank where another rank is gone."""
        with self._lock:
            self.sent_bytes += sum(tensor.numel() * tensor.element_size() for tensor in sent if tensor is not None)
        if self.device.type == "cuda":
            torch.cuda.current_stream().synchronize()  # what was computed before is no waiting for others
        began = time.perf_counter()
        self._now_exchanging(1)
        try:
            yield
            if self.device.type == "cuda":
                torch.cuda.current_stream().synchronize()
        except RuntimeError as error:
            raise LostRank(_left(self.rank, self.size, "another one")) from error
        finally:
            self._now_exchanging(-1, time.perf_counter() - began)

    def _now_exchanging(self, more: int, seconds: float = 0.0) -> None:
        with self._lock:
            self._exchanges, self.waited = self._exchanges + more, self.waited + seconds
            if self._pulse is not None:
                self._pulse.is_waiting = self._exchanges > 0


TEXT_BYTES = 96  # of a text that is compared
AGES = timedelta(days=7)  # that one waits for another which is there: how long its work takes nobody knows
SMALL_RANGE, LARGEST_SMALL = 2**16, 2**15 - 1  # of whole numbers that travel in 16 bits


def as_sent(tensor: Tensor) -> Tensor:
    """The same memory in a dtype that every backend can send."""
    return tensor.view(torch.uint8) if tensor.dtype == torch.bool else tensor


def started_by_torchrun(on_lost: Callable[[str], None] = lambda text: None, lost_after: float = LOST_AFTER) -> Group:
    """The group of the processes that torchrun started with this one; `ALONE` where it started none.

    It is gloo's: what travels is little and ends in main memory anyway, and cards of all kinds, CPUs and Windows can take part.
    Between machines, where a rank has not been heard for `lost_after` seconds while this one waits, `on_lost` is called in another
    thread with a sentence; it must end the process, as the call that waits cannot be broken off.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ or int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return ALONE
    from torch import distributed

    if torch.cuda.is_available():
        torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
    is_one_machine = os.environ.get("GROUP_WORLD_SIZE") == "1"
    if not distributed.is_initialized():
        store, rank, size = next(distributed.rendezvous("env://"))
        # Started again, the processes meet in the store of the first time, where gloo leaves the addresses of those that died.
        # One machine's torchrun counts its starts; several do not count alike, see docs/scale.md.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") if is_one_machine else "of many"
        distributed.init_process_group("gloo", store=distributed.PrefixStore(attempt, store), rank=rank, world_size=size)
    if is_one_machine:
        return joined()
    rank, size = distributed.get_rank(), distributed.get_world_size()
    store = distributed.TCPStore(os.environ["MASTER_ADDR"], int(os.environ["MASTER_PORT"]), is_master=False)
    return joined(Pulse(store, rank, size, lambda other: on_lost(_left(rank, size, f"rank {other}")), lost_after))


def _left(rank: int, size: int, other: str) -> str:
    return (
        f"rank {rank} of {size} lost its connection to {other}: expected all to work until the end. Look at the message of the one "
        "that ended first, and start them again: what was kept is gone on with."
    )


def joined(pulse: Pulse | None = None) -> Ranks:
    """The default process group, which must be initialised. UserError where its ranks run different versions of torch."""
    from torch import distributed

    if not (distributed.is_available() and distributed.is_initialized()):
        raise UserError("no process group: expected torch.distributed.init_process_group to have been called. Start with torchrun.")
    group = Ranks(distributed, pulse)
    group.check_alike("torch", lambda: torch.__version__)
    return group
