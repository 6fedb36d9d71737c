"""Finds a known mark in a picture, at any scale, slightly turned and in mild perspective.

Candidates come from :mod:`continuity.vision.mark_search`. Each is refined by inverse compositional Gauss-Newton (Baker
and Matthews 2004, IJCV 56:221) on the same field of edge directions, from a similarity to a homography; fewer go on
as the patch grows finer. Colours are not compared, so that a recoloured or dimmed mark is found as well.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from continuity.vision.edges import Field, channels, field_of, planes_of, smooth
from continuity.vision.homography import Matrix, plausible, scale_of, warp
from continuity.vision.mark_search import COARSE as COARSE_GRID
from continuity.vision.mark_search import QUIET, Grid, candidates
from continuity.vision.marks import Mark, Pyramid, extent

PART = 0.45  # of the mark's edges that has to be visible
FINER = 1.5  # a patch may have so many times the pixels that the picture has there
COARSE = 40  # px of the patch in the first rounds

SOFT = 2.0  # blur of the edges in the coarse patch
SIEVE = (((), 10), ((4,) * 3, 4))  # of all candidates: parameters that each step moves, and how many stay
ROUNDS = ((COARSE, SOFT, (6,) * 4), (72, 1.5, (6,) * 3), (112, 1.2, (8,) * 4))  # of one: size of the patch, blur, steps


@dataclass(frozen=True, slots=True)
class Found:
    """Where a mark is: the pose, and the correlation of edges in [-1, 1] there.

    ``coarse`` is that of the coarse patch, which blur and bending hurt less; ``upper`` is what the better-fitting part
    of the mark reaches locally, by edge energy the best :data:`PART`: high also where the rest is hidden. ``fine``
    says whether the picture shows enough for more than the coarse patch.
    """

    pose: Matrix
    correlation: float
    coarse: float = 0.0
    upper: float = 0.0
    fine: bool = False
    search: float = 0.0  # correlation in the search, at another size and turn: a second opinion where patches compete

    @property
    def rank(self) -> float:
        """What patches compete by."""
        return self.correlation + self.search


@dataclass(frozen=True, slots=True)
class Aligner:
    """A template for Gauss-Newton at one size."""

    size: int
    blur: float
    template: Field
    mask: NDArray[np.float32]
    steepest: NDArray[np.float32]  # 8 x (2 n): the derivatives of real and imaginary part by each parameter
    energy: float
    power: dict[float, NDArray[np.float32]] = field(default_factory=dict, repr=False)  # its energy around each place

    @classmethod
    def of(cls, mark: Mark, size: int, blur: float) -> Aligner:
        """The one of a mark, made once for each size and blur."""
        return mark.once(("aligner", size, blur), lambda: cls._made(mark, size, blur))

    @classmethod
    def _made(cls, mark: Mark, size: int, blur: float) -> Aligner:
        patch = mark.patch(size)
        mask = np.clip(smooth(patch[..., 3], size / 50) * 4, 0, 1).astype(np.float32)
        template = field_of(channels(patch), blur) * mask
        down, right = np.gradient(template)
        height, width = template.shape
        ys, xs = np.mgrid[:height, :width].astype(np.float32)
        x, y = (xs + 0.5 - width / 2) / (size / 2), (ys + 0.5 - height / 2) / (size / 2)
        right, down = right * size / 2, down * size / 2
        rows = [right, down, right * x + down * y, down * x - right * y, right * x - down * y, right * y + down * x]
        rows += [-(right * x + down * y) * x, -(right * x + down * y) * y]
        steepest = np.stack([np.concatenate([(r * mask).real.ravel(), (r * mask).imag.ravel()]) for r in rows])
        energy = float((np.abs(template) ** 2).sum())
        return cls(size, blur, template.astype(np.complex64), mask, steepest.astype(np.float32), energy)

    def correlation(self, seen: Field) -> NDArray[np.float64]:
        """Normalised correlation of edges of k x h x w patches with the mark, under its mask."""
        masked = seen * self.mask
        there = np.maximum(_power(masked), QUIET * self.energy)
        return np.asarray(_inner(self.template, masked) / np.sqrt(self.energy * there + 1e-9), np.float64)

    def local_fit(self, seen: Field, share: float = 1 / 12) -> NDArray[np.float32]:
        """Correlation of edges around each place, in windows of a share of the mark."""
        wide = self.size * share
        own = self.power.get(share)
        if own is None:
            own = self.power[share] = smooth(np.abs(self.template) ** 2, wide)
        real, imaginary = seen.real, seen.imag
        match = smooth(self.template.real * real + self.template.imag * imaginary, wide)
        there = smooth(real * real + imaginary * imaginary, wide)
        return np.asarray(match / np.sqrt(np.maximum(own * np.maximum(there, QUIET * own), 1e-9)), np.float32)


def places(pyramid: Pyramid, mark: Mark, grid: Grid = COARSE_GRID) -> list[Found]:
    """Where the mark may be, the likeliest first, also where it is not there at all; none in too small a picture.

    Every size is searched: a large mark that fits well may be a copy beside the one meant. The poses are coarse:
    which of them :func:`fitted` is worth its time for is the caller's choice.
    """
    tried = [Found(pose, score, search=score) for score, pose in candidates(pyramid, mark, grid)]
    for first, kept in SIEVE:
        tried = refined(pyramid, mark, tried, extent(mark, COARSE), SOFT, first)[:kept]
    return tried


def fitted(pyramid: Pyramid, mark: Mark, found: Found) -> Found:
    """A place through :data:`ROUNDS`, as far as the picture shows more than in the round before."""
    used = extent(mark, COARSE), SOFT
    for side, blur, steps in ROUNDS:
        size = extent(mark, side)
        if side > COARSE and size > FINER * scale_of(found.pose) * 2:
            break
        used = size, blur
        (found,) = refined(pyramid, mark, [found], size, blur, steps)
    return _measured(pyramid, mark, found, *used)


def find(pyramid: Pyramid, mark: Mark) -> Found | None:
    """The likeliest place, if any."""
    tried = places(pyramid, mark)
    return fitted(pyramid, mark, tried[0]) if tried else None


def refined(
    pyramid: Pyramid, mark: Mark, tried: list[Found], size: int, blur: float, steps: tuple[int, ...]
) -> list[Found]:
    """Gauss-Newton from each pose, the best first; ``steps`` says how many parameters each step may move.

    The best pose seen of each is kept.
    """
    aligner = Aligner.of(mark, size, blur)
    starts = [found.pose for found in tried]
    poses, best = list(starts), [replace(found, correlation=-1.0) for found in tried]
    going = list(range(len(tried)))
    for count in (*steps, 0):
        if not going:
            break
        seen = seen_at(pyramid, mark, [poses[i] for i in going], size, blur)
        for i, score in zip(going, aligner.correlation(seen), strict=True):
            if score > best[i].correlation:
                best[i] = replace(best[i], pose=poses[i], correlation=float(score))
        if not count:
            break
        moves = _moves(aligner, seen, count, local=size >= 1.5 * extent(mark, COARSE))
        still = []
        for i, move in zip(going, moves, strict=True):
            pose = poses[i] @ np.linalg.inv(warp(move))
            poses[i] = pose / pose[2, 2]
            if plausible(starts[i], poses[i]) and np.abs(move).max() >= 0.1 / size:
                still.append(i)
        going = still
    return sorted(best, key=lambda found: -found.rank)


def seen_at(pyramid: Pyramid, mark: Mark, poses: list[Matrix], size: int, blur: float) -> Field:
    """Edge fields (k x h x w) of the picture as the mark's patch at each pose."""
    return field_of(planes_of(np.stack([pyramid.rectified(mark, pose, size) for pose in poses])), blur)


def _moves(aligner: Aligner, seen: Field, count: int, local: bool) -> NDArray[np.float64]:
    """The Gauss-Newton step (k x 8) of each patch."""
    seen = seen * aligner.mask
    gain = _inner(aligner.template, seen) / np.maximum(_power(seen), 1e-6)
    off = aligner.template - np.clip(gain, 0.3, 3.0).astype(np.float32)[:, None, None] * seen
    k = len(seen)
    wrong = np.concatenate([off.real.reshape(k, -1), off.imag.reshape(k, -1)], axis=1)
    moves = np.zeros((k, 8))
    trust = np.clip(aligner.local_fit(seen), 0.05, 1).reshape(k, -1) ** 2 if local else None
    for i in range(k):
        steepest = aligner.steepest[:count]
        if trust is not None:  # what is hidden must not pull
            steepest = steepest * np.concatenate([trust[i], trust[i]])
        normal = np.einsum("ik,jk->ij", steepest, aligner.steepest[:count]).astype(np.float64)  # no BLAS: no threads
        normal += np.eye(count) * (1e-3 * np.trace(normal) / count)
        moves[i, :count] = -np.linalg.solve(normal, np.einsum("ik,k->i", steepest, wrong[i]).astype(np.float64))
    return np.asarray(np.clip(moves, -0.15, 0.15))


def _measured(pyramid: Pyramid, mark: Mark, found: Found, size: int, blur: float) -> Found:
    """The place with :attr:`Found.coarse` and :attr:`Found.upper`."""
    aligner = Aligner.of(mark, size, blur)
    seen = seen_at(pyramid, mark, [found.pose], size, blur)[0] * aligner.mask
    energy = (np.abs(aligner.template) ** 2).ravel()
    fits = aligner.local_fit(seen).ravel()
    order = np.argsort(-fits)
    reached = np.searchsorted(np.cumsum(energy[order]), PART * energy.sum())
    upper = float(fits[order][min(reached, len(order) - 1)])
    small = extent(mark, COARSE)
    coarse = Aligner.of(mark, small, SOFT).correlation(seen_at(pyramid, mark, [found.pose], small, SOFT))[0]
    return replace(found, coarse=float(coarse), upper=upper, fine=size > small)


def _inner(template: Field, seen: Field) -> NDArray[np.float32]:
    real, imaginary = (
        np.einsum("ij,kij->k", t, s) for t, s in ((template.real, seen.real), (template.imag, seen.imag))
    )
    return np.asarray(real + imaginary, np.float32)


def _power(seen: Field) -> NDArray[np.float32]:
    return np.asarray(np.einsum("kij,kij->k", seen.real, seen.real) + np.einsum("kij,kij->k", seen.imag, seen.imag))
