"""Stops a render whose preview is farther off than those of acceptable candidates ever were."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

from continuity.aborts.learning import Learn, Learned, Promise, learned, steps_of
from continuity.errors import UsageError
from continuity.identity import Identity
from continuity.interfaces import Backends, Metric
from continuity.media import Image
from continuity.observed import ObservedFrame
from continuity.records import Instrument, Json, PastPreview, Preview, Status

log = logging.getLogger(__name__)


class PreviewAbort:
    """Looks at the preview of a render after some of its steps, and stops it where a metric is beyond a learned limit.

    The limit is an order statistic of the previews of candidates that were acceptable (statistics/tolerance_limits.py:
    Wilks 1941, Wald 1943): those of the same pool that were finished, passed, and were let through whatever their
    previews showed; what a repair made acceptable is one of them. Until there are enough of them (29 for the first
    check at 10 % and 95 %, 46 for two, 61 for three) it is in *shadow mode*: it measures, predicts, records and stops
    nothing. From then on a share ``let_through`` of candidates, by a coin thrown before the first preview, is still
    rendered to its end: without them nobody could learn what is lost. Of the others the cheapest metric looks first,
    and one that it stops is measured no further. The first limits go to the latest look, which knows most.

    The promise is about the acceptable candidates of one pool: the same generator, proposer, identity, instruments and
    limits. A pool in which something drifts, as with a proposer that learns, is none, and needs its own audit.

    Only metrics that say so are measured on previews, each with an instrument of its own.

    Args:
        metrics: such as ``gate.metrics``; those that are not ``previewable`` are left out.
        identity: what they measure against.
        backends: the models; the local ones if None.
        at: after which shares of the steps to look, each above 0 and below 1.
        max_lost: at most this share of acceptable candidates is stopped.
        confidence: of that.
        let_through: share of candidates that is always rendered to its end.
        learn: ``acceptable`` learns from candidates that pass everything. ``metric`` learns the limits of each metric
            from all that pass that metric, which takes far fewer renders; the promise is then about those, what each
            metric may lose adding up to ``max_lost``. Fewer metrics and fewer looks learn sooner.

    Raises:
        UsageError: a number out of range, or no metric that can be measured on a preview.
    """

    version = 1

    def __init__(
        self,
        metrics: Sequence[Metric],
        *,
        identity: Identity,
        backends: Backends | None = None,
        at: Sequence[float] = (0.3, 0.6),
        max_lost: float = 0.1,
        confidence: float = 0.95,
        let_through: float = 0.1,
        learn: Learn = "acceptable",
    ) -> None:
        for name, share in (("max_lost", max_lost), ("confidence", confidence), *(("at", one) for one in at)):
            if not _is_share(share):
                raise UsageError(f"{name}: a share above 0 and below 1 was wanted, got {share!r}")
        if not at:
            raise UsageError("at: one or more shares of the steps were wanted, got none: it would never look")
        if not (let_through == 0 or _is_share(let_through)):
            raise UsageError(f"let_through: a share from 0 up and below 1 was wanted, got {let_through!r}")
        if learn not in ("acceptable", "metric"):
            raise UsageError(f"learn is 'acceptable' or 'metric', got {learn!r}")
        self._metrics = tuple(sorted((m for m in metrics if m.previewable), key=lambda m: (m.cost, m.key)))
        if not self._metrics:
            keys = ", ".join(m.key for m in metrics) or "none at all"
            raise UsageError(f"a metric that can be measured on a preview was wanted (grade, look), got {keys}")
        self._identity, self._given = identity, backends
        self._at, self._promise = tuple(sorted(set(at))), Promise(max_lost=max_lost, confidence=confidence, learn=learn)
        self._let_through = float(let_through)
        self._ready: tuple[Backends, dict[str, Instrument]] | None = None
        self._past: Sequence[PastPreview] = ()
        self._free = True
        self._learned: tuple[int, Learned] | None = None
        self.previews: tuple[Preview, ...] = ()  # of the render that this one looked into

    @property
    def settings(self) -> Mapping[str, Json]:
        """Preview instruments and all arguments that are numbers or words.

        Raises:
            MissingPiece: weights or packages of a metric are missing.
        """
        return {
            "instruments": self._digests(),
            "at": list(self._at),
            "max_lost": self._promise.max_lost,
            "confidence": self._promise.confidence,
            "let_through": self._let_through,
            "learn": self._promise.learn,
        }

    @property
    def let_through(self) -> bool:
        """Whether this render goes to its end whatever is seen: by the coin, or since there is no limit in force."""
        return self._free or self._learned is None or not self._learned[1].in_force

    def begin(self, past: Sequence[PastPreview], coin: float) -> Self:
        """The watch for one render: what its limits are learned from, and a number drawn evenly from [0, 1)."""
        self._check()  # once for all of them
        one = type(self).__new__(type(self))
        vars(one).update(vars(self), _past=past, _free=coin < self._let_through, _learned=None, previews=())
        return one

    def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
        """True to go on. Whatever goes wrong with a preview, the render goes on."""
        if self._learned is None or self._learned[0] != steps:
            self._learned = steps, self._learn(steps)
        if step not in steps_of(self._at, steps):
            return True
        limits = self._learned[1].limits
        wanted = [m for m in self._metrics if self.let_through or (step, m.key) in limits]
        if wanted:
            self._measure(step, steps, preview, wanted)
        beyond = any(one.beyond for one in self.previews if one.step == step)
        return self.let_through or not beyond

    def _measure(self, step: int, steps: int, preview: Callable[[], Image], wanted: Sequence[Metric]) -> None:
        assert self._learned is not None  # noqa: S101 - look() has just set it
        backends, instruments = self._check()
        try:
            pixels = preview().pixels
        except Exception:  # of a generator, or of a VAE
            log.warning("no preview after step %d of %d", step, steps, exc_info=True)
            return
        seen = ObservedFrame(pixels, index=0, seconds=None, identity=self._identity, backends=backends)
        limits = self._learned[1].limits
        for metric in wanted:
            found = Preview(
                step=step,
                steps=steps,
                key=metric.key,
                instrument=instruments[metric.key].digest,
                value=_value(metric, seen, self._identity),
                limit=limits.get((step, metric.key)),
            )
            self.previews += (found,)
            if found.beyond and not self.let_through:
                return  # it is stopped, and nobody learns from it: what costs more need not look

    def _learn(self, steps: int) -> Learned:
        return learned(self._past, self._promise, at=self._at, steps=steps, instruments=self._digests())

    def _digests(self) -> dict[str, str]:
        return {key: instrument.digest for key, instrument in self._check()[1].items()}

    def _check(self) -> tuple[Backends, dict[str, Instrument]]:
        if self._ready is None:
            backends: Any = self._given
            if backends is None:
                from continuity.backends import LocalBackends

                backends = LocalBackends()
            made = {m.key: replace(m.instrument(backends), sampling="one frame", preview=True) for m in self._metrics}
            self._ready = backends, made
        return self._ready

    def __repr__(self) -> str:
        return f"PreviewAbort({', '.join(m.key for m in self._metrics)}, at={list(self._at)})"


def _value(metric: Metric, seen: ObservedFrame, identity: Identity) -> float | None:
    try:
        joined = metric.join([metric.frame(seen, identity)])
        found = joined.value if joined.status is Status.MEASURED else None
    except Exception:  # a plugin may raise anything; a preview that cannot be measured stops nothing
        log.warning("%s failed on a preview", metric.key, exc_info=True)
        return None
    return found if found is None or math.isfinite(found) else None


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1
