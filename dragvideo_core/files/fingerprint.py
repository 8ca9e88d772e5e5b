"""Names for what a piece of work depends on: another input, another name.

Values are hashed exactly, to the last bit (BLAKE2b, RFC 7693). A module's weights are gigabytes, so of each of them only sums
are hashed; these are made on the device where the weights lie, and every number counts in two of them, by its position.
"""

from __future__ import annotations

import hashlib
from typing import Any

import torch
from torch import Tensor

DIGEST_BYTES = 20
ROW = 1024  # words of 8 bytes that are summed up at a time


def fingerprint(*values: Any) -> str:
    """40 hexadecimal digits for tensors, modules, and anything whose `repr` says all of it (text, numbers, settings)."""
    digest = hashlib.blake2b(digest_size=DIGEST_BYTES)
    for value in values:
        if isinstance(value, torch.nn.Module):
            weights = value.state_dict()
            _add_text(digest, repr([(name, weight.dtype, tuple(weight.shape)) for name, weight in weights.items()]))
            for summary in _on_cpu([_summary(weight) for weight in weights.values()]):
                _add_tensor(digest, summary)
        elif isinstance(value, Tensor):
            _add_tensor(digest, value)
        else:
            _add_text(digest, repr(value))
    return digest.hexdigest()


def is_of_version_0_1(text: str) -> bool:
    """Whether version 0.1 of the pack made this fingerprint: in another way, so it cannot be compared with one of `fingerprint`."""
    return len(text) == 64 and set(text) <= set("0123456789abcdef")


def _add_text(digest: hashlib.blake2b, text: str) -> None:
    octets = text.encode()
    digest.update(f"text of {len(octets)};".encode())  # its length first, so that no two lists of values read the same
    digest.update(octets)


def _add_tensor(digest: hashlib.blake2b, tensor: Tensor) -> None:
    digest.update(f"{tensor.dtype} {tuple(tensor.shape)};".encode())
    digest.update(_octets(tensor).cpu().numpy().data)


def _summary(weight: Tensor) -> Tensor:
    """Sums over rows of 1024 words and over their columns, and the rest exactly: (n,) uint8.

    They are sums of whole numbers: the same on every device and in whatever order they are made. A number that changes
    changes two of them; one that moves changes its row's or its column's.
    """
    octets = _octets(weight)
    whole = octets.numel() // (8 * ROW) * (8 * ROW)
    rows = (octets.clone() if octets.storage_offset() % 8 else octets)[:whole].view(torch.int64).view(-1, ROW)
    return torch.cat([_octets(rows.sum(1)), _octets(rows.sum(0)), octets[whole:]])


def _on_cpu(parts: list[Tensor]) -> list[Tensor]:
    """Tensors (n,) of one dtype, brought from each device all at once: to wait for every one of them would cost time."""
    brought: dict[int, Tensor] = {}
    for device in dict.fromkeys(part.device for part in parts):
        held = [number for number, part in enumerate(parts) if part.device == device]
        joined = torch.cat([parts[number] for number in held]).cpu()
        brought |= zip(held, joined.split([len(parts[number]) for number in held]), strict=True)
    return [brought[number] for number in range(len(parts))]


def _octets(tensor: Tensor) -> Tensor:
    """The bytes of a tensor in the order of its elements, (n,) uint8."""
    return tensor.detach().reshape(-1).contiguous().view(torch.uint8)
