"""What every implementation of a seam must do, as pytest classes; ``tests/contracts/`` runs them on what ships."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from continuity.errors import Aborted, BudgetSpent, RenderFailed
from continuity.identity import Identity
from continuity.interfaces import (
    Backends,
    Generator,
    Metric,
    Observed,
    Pixels,
    Proposer,
    Repair,
    Watch,
)
from continuity.media import Image, Media, Sampling
from continuity.records import (
    Declined,
    Expect,
    FrameMeasurement,
    Json,
    Proposal,
    Recipe,
    Rendered,
    Repaired,
    Report,
    State,
    Status,
    Trial,
    Verdict,
)


def plain_json(value: object) -> bool:
    """Whether a value survives JSON unchanged, without NaN."""
    text = json.dumps(value, allow_nan=False, sort_keys=True)
    return bool(json.dumps(json.loads(text), sort_keys=True) == text)


class MetricContract:
    """Fixtures: ``metric``, ``backends``, ``identity``; ``original`` (a frame of an enrolled picture, as Observed),
    ``degraded`` (frames of it, the least degraded first), ``noise_floor`` (float)."""

    def test_it_fits_the_seam(self, metric: Metric) -> None:
        assert isinstance(metric, Metric)
        assert metric.key
        assert metric.unit
        assert metric.cost > 0
        assert metric.expect in Expect

    def test_the_instrument_is_stable_and_names_a_version(self, metric: Metric, backends: Backends) -> None:
        one, two = metric.instrument(backends), metric.instrument(backends)
        assert one.digest == two.digest
        assert one.version >= 1
        assert all(m.licence and len(m.digest) == 64 for m in one.models)

    def test_the_enrolled_picture_is_within_the_noise_floor(
        self, metric: Metric, identity: Identity, original: Observed, noise_floor: float
    ) -> None:
        found = metric.frame(original, identity)
        assert found.status is Status.MEASURED
        assert found.value is not None
        assert 0 <= found.value <= noise_floor

    def test_it_rises_along_a_degradation(
        self, metric: Metric, identity: Identity, original: Observed, degraded: Sequence[Observed]
    ) -> None:
        values = [metric.frame(seen, identity).value for seen in (original, *degraded)]
        known = [v for v in values if v is not None]
        assert len(known) == len(values) >= 3
        assert known == sorted(known)
        assert known[-1] > known[0]

    def test_the_same_frame_gives_the_same_number(self, metric: Metric, identity: Identity, original: Observed) -> None:
        assert metric.frame(original, identity).value == metric.frame(original, identity).value

    def test_evidence_is_plain_json(self, metric: Metric, identity: Identity, original: Observed) -> None:
        assert plain_json(dict(metric.frame(original, identity).evidence))

    def test_joining_keeps_the_key_and_one_bad_frame_in_two_shows(
        self, metric: Metric, identity: Identity, original: Observed, degraded: Sequence[Observed]
    ) -> None:
        frames = [replace(metric.frame(seen, identity), index=i) for i, seen in enumerate((original, degraded[-1]))]
        joined = metric.join(frames)
        assert (joined.key, joined.unit, joined.expect) == (metric.key, metric.unit, metric.expect)
        assert joined.value == frames[1].value
        assert joined.worst_frame == 1

    def test_nothing_measured_is_never_a_value(self, metric: Metric) -> None:
        blind = FrameMeasurement(status=Status.NOT_MEASURABLE, note="it was too dark")
        assert metric.join([blind]).status is Status.NOT_MEASURABLE
        assert metric.join([blind]).value is None
        absent = FrameMeasurement(status=Status.ABSENT, note="nobody is there")
        assert metric.join([absent, absent]).status is Status.ABSENT


class GeneratorContract:
    """Fixture: ``generator``. Override ``recipe`` where changes are needed."""

    def recipe(self, seed: int) -> Recipe:
        """A recipe that the generator can render."""
        return Recipe(prompt="a prompt", seed=seed)

    def test_it_fits_the_seam(self, generator: Generator) -> None:
        assert isinstance(generator, Generator)
        assert plain_json(dict(generator.settings))

    def test_a_render_has_media_a_cost_and_a_complete_recipe(self, generator: Generator) -> None:
        recipe = self.recipe(7)
        rendered = generator.render(recipe)
        assert isinstance(rendered, Rendered)
        pixels = first_frame(rendered.media)
        assert pixels.dtype == np.uint8
        assert pixels.ndim == 3
        assert pixels.shape[2] == 3
        assert all(math.isfinite(s) and s >= 0 for s in rendered.cost.seconds.values())
        assert rendered.cost.render > 0
        assert (rendered.recipe.prompt, rendered.recipe.seed) == (recipe.prompt, recipe.seed)
        assert dict(rendered.recipe.changes) == dict(recipe.changes)
        assert rendered.recipe.details
        assert plain_json(rendered.recipe.to_json())

    def test_the_same_recipe_gives_the_same_picture(self, generator: Generator) -> None:
        one, two = generator.render(self.recipe(11)), generator.render(self.recipe(11))
        assert np.array_equal(first_frame(one.media), first_frame(two.media))

    def test_a_completed_recipe_renders_again(self, generator: Generator) -> None:
        first = generator.render(self.recipe(13))
        again = generator.render(first.recipe)
        assert np.array_equal(first_frame(first.media), first_frame(again.media))

    def test_the_given_recipe_is_left_alone_and_completed(self, generator: Generator) -> None:
        recipe = replace(self.recipe(17), details={"ours": 1}, inputs={"ours": "b2-00"})
        rendered = generator.render(recipe)
        assert dict(recipe.details) == {"ours": 1}
        assert rendered.recipe.details["ours"] == 1
        assert rendered.recipe.inputs["ours"] == "b2-00"

    def test_odd_changes_fail_with_a_sentence_and_a_cost_or_render(self, generator: Generator) -> None:
        odd: list[dict[str, Json]] = [{"no such argument": [1, 2, 3]}, {"": None}, {"seed": "x", "prompt": {}}]
        for changes in odd:
            try:
                generator.render(replace(self.recipe(1), changes=changes))
            except (RenderFailed, Aborted) as error:
                assert str(error)
                assert error.cost is not None

    def test_a_watch_that_goes_on_changes_no_pixel(self, generator: Generator) -> None:
        alone = generator.render(self.recipe(19))
        watched = generator.render(self.recipe(19), _Looking(go_on=True))
        assert np.array_equal(first_frame(alone.media), first_frame(watched.media))

    def test_a_watch_that_says_no_aborts_where_it_was_asked(self, generator: Generator) -> None:
        watch = _Looking(go_on=False)
        try:
            generator.render(self.recipe(23), watch)
        except Aborted as error:
            assert error.cost is not None
            assert error.cost.steps_run == watch.last
            assert error.cost.render_equivalents <= 1
        else:
            assert watch.last is None, "it was asked, said no, and was rendered all the same"


class _Looking:
    """A watch that always gives the same answer."""

    def __init__(self, *, go_on: bool) -> None:
        self.go_on = go_on
        self.last: int | None = None

    @property
    def settings(self) -> dict[str, Json]:
        return {"go_on": self.go_on}

    def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
        self.last = step
        assert 1 <= step <= steps
        assert preview().pixels.ndim == 3
        return self.go_on


class ProposerContract:
    """Fixture: ``proposer``."""

    def test_it_fits_the_seam(self, proposer: Proposer) -> None:
        assert isinstance(proposer, Proposer)
        assert plain_json(dict(proposer.settings))

    def test_it_proposes_from_any_history(self, proposer: Proposer) -> None:
        history: list[Trial] = []
        for index in range(8):
            try:
                proposal = proposer.propose(tuple(history), index)
            except BudgetSpent:
                return
            assert isinstance(proposal, Proposal)
            assert plain_json(dict(proposal.changes))
            state = list(State)[1:][index % 6]
            excess = None if state in (State.FAILED, State.LOST) else index / 4 - 0.5
            history.append(Trial(index=index, seed=index, changes=proposal.changes, state=state, worst_excess=excess))

    def test_it_may_be_asked_again_for_the_same_index(self, proposer: Proposer) -> None:
        assert proposer.propose((), 0) == proposer.propose((), 0)


class WatchContract:
    """Fixture: ``watch``."""

    def test_it_fits_the_seam(self, watch: Watch) -> None:
        assert isinstance(watch, Watch)
        assert plain_json(dict(watch.settings))

    def test_it_answers_yes_or_no(self, watch: Watch) -> None:
        image = Image.from_array(np.full((16, 16, 3), 128, dtype=np.uint8))
        assert watch.look(1, 4, lambda: image) in (True, False)


class RepairContract:
    """Fixtures: ``repair``, ``media``, ``report`` (of these media), ``identity``."""

    def test_it_fits_the_seam(self, repair: Repair) -> None:
        assert isinstance(repair, Repair)
        assert plain_json(dict(repair.settings))

    def test_it_repairs_or_declines_and_leaves_the_media_alone(
        self, repair: Repair, media: Media, report: Report, identity: Identity
    ) -> None:
        before = first_frame(media).copy()
        found = repair.repair(media, report, identity)
        assert np.array_equal(first_frame(media), before)
        if isinstance(found, Declined):
            assert found.reason
        else:
            assert isinstance(found, Repaired)
            assert found.cost.repair > 0
            assert plain_json(dict(found.settings))

    def test_it_declines_what_needs_no_repair(
        self, repair: Repair, media: Media, report: Report, identity: Identity
    ) -> None:
        if report.verdict is Verdict.PASS:
            assert isinstance(repair.repair(media, report, identity), Declined)


class BackendsContract:
    """Fixtures: ``backends``, ``portrait`` (pixels with one clear face), ``scene`` (pixels with nobody)."""

    def test_it_fits_the_seam(self, backends: Backends) -> None:
        assert isinstance(backends, Backends)
        assert backends.faces.space
        assert backends.faces.unit
        assert backends.faces.smallest > 0
        assert backends.faces.far > 0

    def test_one_clear_face_is_found_and_lies_in_the_picture(self, backends: Backends, portrait: Pixels) -> None:
        faces = backends.faces.detect(portrait)
        assert faces
        assert [f.size for f in faces] == sorted((f.size for f in faces), reverse=True)
        x, y = faces[0].box.centre
        assert 0 <= x < portrait.shape[1]
        assert 0 <= y < portrait.shape[0]
        assert backends.people(portrait) > backends.people(np.zeros_like(portrait))

    def test_nobody_is_found_where_nobody_is(self, backends: Backends, scene: Pixels) -> None:
        assert backends.faces.detect(scene) == ()

    def test_embeddings_are_repeatable_and_distances_behave(self, backends: Backends, portrait: Pixels) -> None:
        face = backends.faces.detect(portrait)[0]
        before = portrait.copy()
        one, two = backends.faces.embed(portrait, face), backends.faces.embed(portrait, face)
        assert np.array_equal(portrait, before)
        assert one.dtype == np.float32
        assert one.ndim == 1
        assert np.array_equal(one, two)
        apart = backends.faces.distance(np.stack([one, one + 0.1]), one[None])
        assert apart.shape == (2, 1)
        assert abs(float(apart[0, 0])) < 1e-5
        assert apart[1, 0] > apart[0, 0]

    def test_a_tiny_or_empty_looking_picture_is_no_crash(self, backends: Backends) -> None:
        for shape in ((1, 1, 3), (7, 300, 3), (300, 2, 3)):
            assert backends.faces.detect(np.zeros(shape, dtype=np.uint8)) == ()
            assert 0 <= backends.people(np.zeros(shape, dtype=np.uint8)) <= 1


def first_frame(media: Media) -> Pixels:
    """The first frame of a still or a clip."""
    return next(iter(media.frames(Sampling()))).pixels
