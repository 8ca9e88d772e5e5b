"""High dynamic range (HLG, PQ) to the standard range that screens, models and the other nodes work in.

Signals become light in cd/m2 on a screen of 1000 cd/m2 (ITU-R BT.2100: PQ's EOTF; HLG's inverse OETF and its OOTF with
a gamma of 1.2). The tone curve of ITU-R BT.2390, section 5.4 (the EETF, a Hermite spline in PQ's scale), takes 0 to 1000
cd/m2 to 0 to 203, which is the diffuse white of BT.2408. It is applied to the largest of R, G and B, so that hues stay.
BT.2020 becomes BT.709 by their matrix, and light becomes a signal again by the inverse of BT.1886 (gamma 2.4).
"""

from __future__ import annotations

from functools import cache

import numpy as np

from .colour import HLG

PEAK = 1000.0  # cd/m2 of the brightest highlight that is kept; what is brighter is cut off
WHITE = 203.0  # cd/m2 that become the brightest white
_TO_709 = np.array(  # ITU-R BT.2087, linear light
    [[1.660491, -0.587641, -0.072850], [-0.124550, 1.132900, -0.008349], [-0.018151, -0.100579, 1.118730]], np.float32
)
_LUMINANCE = np.array([0.2627, 0.6780, 0.0593], np.float32)  # BT.2020
_KNOTS = 65_536  # of the table of gains, in the square root of light


def to_sdr(rgb: np.ndarray, transfer: int) -> np.ndarray:
    """BT.2020 RGB (H, W, 3) uint8 or uint16 with the transfer characteristic PQ or HLG to BT.709, the same shape, uint16."""
    light = _light_of_signal(transfer, np.iinfo(rgb.dtype).max)[rgb]
    if transfer == HLG:  # BT.2100's OOTF: of the scene's light to the screen's
        light = PEAK * light * np.power(light @ _LUMINANCE, np.float32(0.2))[..., None]
    place = np.sqrt(np.minimum(light.max(-1), PEAK) / np.float32(PEAK)) * (_KNOTS - 1)
    gain = _gains()[np.rint(place).astype(np.int32)]
    linear = np.clip((light * (gain / np.float32(WHITE))[..., None]) @ _TO_709.T, 0.0, 1.0)
    return np.rint(np.power(linear, np.float32(1 / 2.4)) * 65535).astype(np.uint16)


def pq_light(signal: np.ndarray) -> np.ndarray:
    """PQ's EOTF: a signal in [0, 1] to cd/m2."""
    power = np.power(np.clip(signal, 0.0, 1.0), 1 / 78.84375)
    return 10_000.0 * np.power(np.maximum(power - 0.8359375, 0.0) / (18.8515625 - 18.6875 * power), 1 / 0.1593017578125)


def pq_signal(light: np.ndarray) -> np.ndarray:
    """The inverse of `pq_light`."""
    power = np.power(np.maximum(light, 0.0) / 10_000.0, 0.1593017578125)
    return np.power((0.8359375 + 18.8515625 * power) / (1.0 + 18.6875 * power), 78.84375)


def hlg_scene(signal: np.ndarray) -> np.ndarray:
    """HLG's inverse OETF: a signal in [0, 1] to the scene's light in [0, 1]."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    return np.where(signal <= 0.5, signal**2 / 3.0, (np.exp((signal - c) / a) + b) / 12.0)


def tone_curve(light: np.ndarray) -> np.ndarray:
    """The EETF of BT.2390: light in 0 to `PEAK` to 0 to `WHITE`, cd/m2; dark tones stay as they are."""
    top = pq_signal(np.array(PEAK))
    signal, most = pq_signal(np.minimum(light, PEAK)) / top, pq_signal(np.array(WHITE)) / top
    knee = 1.5 * most - 0.5
    t = np.clip((signal - knee) / (1.0 - knee), 0.0, 1.0)
    bent = (2 * t**3 - 3 * t**2 + 1) * knee + (t**3 - 2 * t**2 + t) * (1 - knee) + (3 * t**2 - 2 * t**3) * most
    return pq_light(np.where(signal < knee, signal, bent) * top)


@cache
def _light_of_signal(transfer: int, most: int) -> np.ndarray:
    signal = np.arange(most + 1) / most
    return (hlg_scene(signal) if transfer == HLG else pq_light(signal)).astype(np.float32)


@cache
def _gains() -> np.ndarray:
    """What light is multiplied with, at `_KNOTS` places that are even in its square root."""
    light = np.linspace(0.0, 1.0, _KNOTS) ** 2 * PEAK
    gains = np.ones(_KNOTS)
    gains[1:] = tone_curve(light[1:]) / light[1:]
    return gains.astype(np.float32)
