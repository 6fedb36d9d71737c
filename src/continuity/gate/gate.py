"""The gate: measures with metrics, judges with tolerances, renders nothing."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from continuity.errors import MediaError, UsageError
from continuity.gate import measuring
from continuity.gate.judging import judge, verdict_of
from continuity.identity import Identity
from continuity.interfaces import Backends, EnrolledMetric, Metric
from continuity.joining import broke
from continuity.media import Clip, Image, Media, Sampling
from continuity.observed import FrameFeatures, ObservedFrame
from continuity.records import (
    FrameMeasurement,
    Instrument,
    Measurement,
    Measurements,
    Report,
    Status,
    Tolerance,
    Verdict,
    expectation,
)
from continuity.tolerances import Given, Tolerances, resolve
from continuity.vision import cuts

if TYPE_CHECKING:
    from continuity.ledger import Features

ASPECTS = {
    "face": "faces",
    "grade": "grade",
    "light": "light",
    "look": "brand look",
    "hands": "hands",
    "logo": "logos",
    "wardrobe": "wardrobe",
    "product": "products",
    "set": "set",
}
NEVER_CHECKED = ("lip sync", "reflections", "text in the picture", "the neighbouring shot")


class Gate:
    """Measures a candidate with every metric and judges it: all must pass.

    Args:
        metrics: what to measure; keys are unique.
        identity: what the candidate is measured against.
        tolerances: limits by metric key, or a :class:`Tolerances`; what is left out takes the shipped provisional
            limit of its instrument, and every report says so.
        backends: the models; the local ones if None.
        sampling: which frames of a clip are measured; part of every instrument.

    Weights and packages are checked when the gate is first used, before any frame.
    """

    def __init__(
        self,
        metrics: Sequence[Metric],
        *,
        identity: Identity,
        tolerances: Given = None,
        backends: Backends | None = None,
        sampling: Sampling | None = None,
    ) -> None:
        keys = [m.key for m in metrics]
        if not keys:
            raise UsageError("a gate needs at least one metric, got none: it would pass everything")
        twice = sorted({k for k in keys if keys.count(k) > 1})
        if twice:
            raise UsageError(f"one metric per key was wanted, got several for {', '.join(twice)}")
        for metric in metrics:
            expectation(metric.key, metric.expect)
        self.identity = _opened(identity)
        self.metrics = tuple(sorted(metrics, key=lambda m: (m.cost, m.key)))  # cheap ones first
        self.sampling = sampling or Sampling()
        self._given = tolerances
        self._backends = backends
        self._ready: tuple[Backends, dict[str, Instrument], Tolerances] | None = None

    @classmethod
    def for_identity(
        cls,
        identity: Identity,
        *,
        tolerances: Given = None,
        expects: Mapping[str, str] | None = None,
        backends: Backends | None = None,
    ) -> Gate:
        """One metric per enrolled thing, and :class:`~continuity.HandDefects`, which counts where it can be measured.

        ``expects`` changes what the shot expects, by metric key: ``required``, ``if_present``, ``if_measurable``,
        ``not_expected``; ``off`` leaves the metric out, and the report lists its aspect under ``not_checked``.

        Raises:
            UnknownKey: ``expects`` names a metric that the identity does not give.
        """
        from continuity.metrics import metrics_for

        metrics = metrics_for(_opened(identity), expects or {})
        return cls(metrics, identity=identity, tolerances=tolerances, backends=backends)

    @classmethod
    def open(
        cls,
        identity: str | os.PathLike[str],
        *,
        tolerances: str | os.PathLike[str] | None = None,
        limits: Mapping[str, float] | None = None,
        expects: Mapping[str, str] | None = None,
    ) -> Gate:
        """A gate for an enrolled identity and a tolerance file, checked: whatever is missing raises here.

        ``limits`` by metric key win over those of the file, and void its promise, which is of the whole file.

        Raises:
            EnrolmentError, FormatError, ToleranceError, UnknownKey, UsageError, MissingPiece: as the parts say.
        """
        opened = Tolerances.open(tolerances) if tolerances else Tolerances()
        given: dict[str, float | Tolerance] = {one.key: one for one in opened}
        chosen = {**given, **limits} if limits else opened
        gate = cls.for_identity(Identity.open(identity), tolerances=chosen, expects=expects)
        gate.check()
        return gate

    def __repr__(self) -> str:
        return f"<Gate of {self.identity.name}: {', '.join(m.key for m in self.metrics)}>"

    @property
    def instruments(self) -> Mapping[str, Instrument]:
        """What measures, by metric key. Raises MissingWeights or MissingDependency where something is not there."""
        return self.check()[1]

    @property
    def tolerances(self) -> Tolerances:
        """The limits in force, one per metric."""
        return self.check()[2]

    @property
    def not_checked(self) -> tuple[str, ...]:
        """Aspects that no metric here looks at, in words, as every report lists them."""
        aspects = {m.key.split(":", 1)[0] for m in self.metrics}
        return tuple(text for aspect, text in ASPECTS.items() if aspect not in aspects) + NEVER_CHECKED

    def check(self) -> tuple[Backends, dict[str, Instrument], Tolerances]:
        """Makes sure that everything needed is there, once. Called before the first frame and before any render.

        Raises:
            MissingPiece: weights, a package or a system library are missing.
            EnrolmentError: the identity lacks what a metric measures against.
            ToleranceError: a limit is missing, unusable or of another instrument.
        """
        if self._ready is None:
            backends = self._backends
            if backends is None:
                from continuity.backends import LocalBackends

                backends = LocalBackends()
            instruments = {m.key: replace(m.instrument(backends), sampling=self.sampling.name) for m in self.metrics}
            for metric in self.metrics:
                if isinstance(metric, EnrolledMetric):
                    metric.ready(self.identity, backends)
            chosen, _ = resolve(self._given, instruments, self.identity.digest)
            promise = self._given.promise if isinstance(self._given, Tolerances) else None
            self._ready = backends, instruments, Tolerances(tuple(chosen.values()), promise)
        return self._ready

    def measure(self, media: Media) -> Measurements:
        """Measures every metric on the sampled frames: frames outer, metrics inner, one frame held at a time.

        Raises:
            MediaError: the media cannot be decoded.
            MissingPiece, EnrolmentError, ToleranceError: as :meth:`check`.
        """
        return self._measure(media, None)

    def inspect(
        self,
        media: Media,
        *,
        stop_early: bool = False,
        stream: str = "",
        beyond: Collection[str] = (),
        on_frame: Callable[[FrameFeatures], None] | None = None,
    ) -> Report:
        """Measures and judges. ``stream`` is the digest of what the media come out of: a promise belongs to one.
        ``on_frame`` is given what models said of each frame once it is measured, completed for other identities.

        ``stop_early=True`` ends at the first certain fail of a still; the metrics not yet run are ``skipped``. The
        verdict is the same either way. A fail of a metric in ``beyond`` ends nothing: it may be mended. A clip is
        always measured whole: its frames are shared by all metrics, and no fail is certain before the last frame.
        """
        tolerances = self.check()[2]
        early = tolerances if stop_early and isinstance(media, Image) else None
        return judge(self._measure(media, early, beyond, on_frame), tolerances, stream=stream)

    def recall(self, features: Features) -> Report | None:
        """Judges what was rendered from its stored features alone; None where they do not settle it.

        A metric is measured on them as it would be on the pixels, with the same numbers, if its instrument looked at
        the candidate then. One that asks for pixels, or for what was not kept, is ``skipped``: only a fail is certain
        whatever was skipped.

        Raises:
            MissingPiece, EnrolmentError, ToleranceError: as :meth:`check`.
        """
        backends, instruments, tolerances = self.check()
        start = time.perf_counter()
        frames = [ObservedFrame.recalled(one, identity=self.identity, backends=backends) for one in features.frames]
        items = []
        for metric in self.metrics:
            began, instrument = time.perf_counter(), instruments[metric.key]
            known = instrument.digest in features.instruments
            series = measuring.recalled(metric, frames, self.identity) if known else None
            one = measuring.skipped(metric)
            if series is not None:
                said = measuring.joined(metric, series, instrument, features.cuts)
                one = one if broke(said) else measuring.whole(said, features.frame_count, features.missing)
            items.append(replace(one, instrument=instrument, seconds=time.perf_counter() - began))
        measurements = Measurements(
            items=tuple(items),
            media=features.media,
            identity=self.identity.digest,
            identity_name=self.identity.name,
            warnings=features.notes,
            not_checked=self.not_checked,
            frames=len(frames),
            frame_count=features.frame_count,
            cuts=features.cuts,
            seconds=time.perf_counter() - start,
        )
        report = judge(measurements, tolerances)
        settled = report.verdict is Verdict.FAIL or all(one.status is not Status.SKIPPED for one in items)
        return report if settled else None

    def _measure(
        self,
        media: Media,
        stop_at: Tolerances | None,
        beyond: Collection[str] = (),
        on_frame: Callable[[FrameFeatures], None] | None = None,
    ) -> Measurements:
        if not isinstance(media, Image | Clip):
            raise _no_media(media)
        backends, instruments, _ = self.check()
        start = time.perf_counter()
        seconds = dict.fromkeys(instruments, 0.0)
        series: dict[str, list[FrameMeasurement]] = {k: [] for k in instruments}
        joined: dict[str, Measurement] = {}
        count = 0
        sampled: list[tuple[int, cuts.Small]] = []
        for frame in media.frames(self.sampling):
            count += 1
            if isinstance(media, Clip):
                sampled.append((frame.index, cuts.small(frame.pixels)))
            seen = ObservedFrame(
                frame.pixels,
                index=frame.index,
                seconds=frame.seconds,
                held=frame.held,
                identity=self.identity,
                backends=backends,
            )
            for metric in self.metrics:
                began = time.perf_counter()
                series[metric.key] += measuring.on_frame(metric, seen, self.identity)
                seconds[metric.key] += time.perf_counter() - began
                if stop_at is not None:
                    joined[metric.key] = measuring.joined(metric, series[metric.key], instruments[metric.key])
                    verdict, _ = verdict_of(joined[metric.key], stop_at[metric.key])
                    if verdict is Verdict.FAIL and metric.key not in beyond:
                        break
            if on_frame is not None:
                on_frame(measuring.completed(seen))
        if not count:
            raise MediaError(f"{media.path or 'the media'}: at least one frame was wanted, there is none")
        found = cuts.find(sampled, media.frame_count, media.at) if isinstance(media, Clip) else ()
        items = []
        for metric in self.metrics:
            frames, instrument = series[metric.key], instruments[metric.key]
            one = joined.get(metric.key) or (
                measuring.joined(metric, frames, instrument, found) if frames else measuring.skipped(metric)
            )
            if isinstance(media, Clip):
                one = measuring.whole(one, media.frame_count, media.missing)
            items.append(replace(one, instrument=instrument, seconds=seconds[metric.key]))
        return Measurements(
            items=tuple(items),
            media=media.digest,
            path=str(media.path or ""),
            identity=self.identity.digest,
            identity_name=self.identity.name,
            warnings=(*media.notes, *measuring.not_sampled(found, [index for index, _ in sampled])),
            not_checked=self.not_checked,
            frames=count,
            frame_count=media.frame_count,
            cuts=found,
            seconds=time.perf_counter() - start,
        )


def _opened(identity: Identity) -> Identity:
    """The identity, if it is one: the name of its folder is easily mistaken for it."""
    if not isinstance(identity, Identity):
        raise UsageError(f"an identity was wanted, got {identity!r}: open it with ct.Identity.open(folder)")
    return identity


def _no_media(given: object) -> UsageError:
    """Says what was given instead of media: an array by its type, since its numbers tell nobody anything."""
    got = repr(given) if isinstance(given, str | os.PathLike) else f"a {type(given).__name__}"
    how = "ct.Image.from_array(array)" if got == "a ndarray" else "ct.open_media(path)"
    return UsageError(f"a picture or a clip was wanted, got {got}: open it with {how}")
