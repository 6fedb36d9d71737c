from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil
from scipy.stats import binomtest

from continuity.errors import Aborted, MediaError, RenderFailed, UsageError
from continuity.generators import Simulator
from continuity.generators.simulator.faults import HARMLESS
from continuity.interfaces import Generator, Pixels
from continuity.media import Clip, Image, Sampling
from continuity.records import Box, Face, Json, Recipe
from continuity.vision.colour import quantiles, reduced_lab, wasserstein

FACE = (177, 82, 272, 177)
SEEDS = range(2000)
AMOUNTS_OF_VERSION_1 = [[0.8215, 0.0394], [0.0724, 0.9464], [0.086, 0.936]]  # face, grade


def make(**settings: Any) -> Simulator:
    from skimage import data

    photograph: Pixels = data.astronaut()  # type: ignore[no-untyped-call]
    return Simulator(np.ascontiguousarray(photograph), **{"face": FACE, "size": 256, **settings})


def pixels(simulator: Simulator, seed: int, **changes: Json) -> Pixels:
    return next(simulator.render(Recipe(seed=seed, changes=changes)).media.frames()).pixels


def digest(seed: int) -> str:
    return hashlib.sha256(pixels(make(), seed).tobytes()).hexdigest()


@pytest.fixture(scope="module")
def simulator() -> Simulator:
    return make()


def logo() -> Pixels:
    mark = np.zeros((30, 60, 4), dtype=np.uint8)
    mark[2:-2, 2:-2] = (20, 60, 160, 255)
    return mark


class Watcher:
    settings: Mapping[str, Json] = {}

    def __init__(self, last: int = 10**9, peek: bool = True) -> None:
        self.last, self.peek = last, peek
        self.seen: list[tuple[int, int]] = []
        self.sharpness: list[float] = []

    def look(self, step: int, steps: int, preview: Callable[[], Image]) -> bool:
        self.seen.append((step, steps))
        if self.peek:
            self.sharpness.append(float(np.abs(np.diff(preview().pixels.astype(int), axis=1)).mean()))
        return step < self.last


# -- truth -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("share", [0.125, 0.5, 0.9])
def test_the_share_of_acceptable_ones_is_the_one_that_was_set(share: float) -> None:
    simulator = make(acceptable=share)
    found = sum(bool(simulator.truth(seed)["acceptable"]) for seed in SEEDS)
    assert binomtest(found, len(SEEDS), share).pvalue > 0.001


@pytest.mark.parametrize("share", [0, 1])
def test_none_or_all(share: float) -> None:
    simulator = make(acceptable=share)
    assert {simulator.truth(seed)["acceptable"] for seed in SEEDS} == {bool(share)}


def test_truth_is_what_render_records(simulator: Simulator) -> None:
    for seed in range(6):
        assert simulator.render(Recipe(seed=seed)).recipe.details["truth"] == simulator.truth(seed)


def test_every_aspect_has_its_truth_and_they_add_up() -> None:
    simulator = make(mark=logo(), mark_at=(10, 400, 130, 460), severity=(0.6, 0.9))
    alone = 0
    for seed in range(500):
        truth = simulator.truth(seed)
        whole = truth.pop("acceptable")
        assert set(truth) == {"mark", "face", "frame", "light", "grade", "blur"}
        for aspect, one in truth.items():
            assert set(one) == {"acceptable", "operation", "amount"}
            amount = one["amount"]
            assert one["acceptable"] == (amount <= HARMLESS)
            assert 0.03 <= amount <= 0.1 or (0.6 <= amount <= 0.9 and aspect in ("mark", "face", "grade"))
        failing = [a for a, one in truth.items() if not one["acceptable"]]
        assert whole == (not failing)
        alone += len(failing) == 1
    assert 100 < alone < 400  # mostly one thing is wrong, often two


def test_named_aspects_alone_fail() -> None:
    simulator = make(aspects=("blur", "frame"), acceptable=0)
    failing = {a for s in range(200) for a, o in simulator.truth(s).items() if a != "acceptable" and o["amount"] > 0.1}
    assert failing == {"blur", "frame"}


def test_drawn_truths_stay_as_they_were_released() -> None:
    # A change here is another stream: raise Simulator.version with it.
    simulator = make()
    amounts = [[simulator.truth(seed)[a]["amount"] for a in ("face", "grade")] for seed in (0, 1, 2**32 - 1)]
    assert Simulator.version == 1
    assert amounts == AMOUNTS_OF_VERSION_1


def test_truth_agrees_with_the_grade_of_the_pixels(simulator: Simulator, astronaut: Pixels) -> None:
    reference = quantiles(reduced_lab(astronaut))
    drifts: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(60):
        rendered = simulator.render(Recipe(seed=seed))
        apart = wasserstein(reference, quantiles(reduced_lab(next(rendered.media.frames()).pixels)))
        truth: Any = rendered.recipe.details["truth"]
        drifts[truth["grade"]["acceptable"]].append(float(np.sqrt(np.square(apart).sum())))
    assert len(drifts[True]) > 5 < len(drifts[False])
    assert max(drifts[True]) < 4 < 6 < min(drifts[False])


def test_truth_agrees_with_the_sharpness_of_the_pixels() -> None:
    simulator = make(aspects=("blur",), acceptable=0.5)
    sharpness: dict[bool, list[float]] = {True: [], False: []}
    for seed in range(30):
        one = pixels(simulator, seed).astype(int)
        sharpness[bool(simulator.truth(seed)["acceptable"])].append(float(np.abs(np.diff(one, axis=1)).mean()))
    assert min(sharpness[True]) > max(sharpness[False])


def test_acceptable_candidates_differ_from_the_source_and_from_each_other(astronaut: Pixels) -> None:
    simulator = make(acceptable=1, size=512)
    seen = [pixels(simulator, seed) for seed in range(8)]
    assert len({one.tobytes() for one in (*seen, astronaut)}) == 9
    assert all(np.abs(one.astype(int) - astronaut).mean() > 0.5 for one in seen)


# -- the same again --------------------------------------------------------------------------------------------------


def test_one_seed_is_one_picture_in_every_process() -> None:
    here = [digest(seed) for seed in (3, 4)]
    assert here[0] != here[1]
    code = f"import runpy; digest = runpy.run_path({__file__!r})['digest']; print(digest(3), digest(4))"
    there = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert there.split() == here


def test_one_seed_is_one_picture_in_every_thread(simulator: Simulator) -> None:
    wanted = [pixels(simulator, seed).tobytes() for seed in range(6)]
    found: list[list[bytes]] = []
    threads = [
        threading.Thread(target=lambda: found.append([pixels(simulator, s).tobytes() for s in range(6)]))
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 3


def test_order_and_history_change_nothing(simulator: Simulator) -> None:
    forwards = [pixels(simulator, seed).tobytes() for seed in range(4)]
    assert [pixels(make(), seed).tobytes() for seed in reversed(range(4))] == forwards[::-1]


def test_salt_gives_other_candidates() -> None:
    assert not np.array_equal(pixels(make(salt=1), 5), pixels(make(), 5))


def test_seeds_of_any_size(simulator: Simulator) -> None:
    for seed in (0, 2**32 - 1, 2**80, -1):
        assert pixels(simulator, seed).shape == (256, 256, 3)


# -- changes ---------------------------------------------------------------------------------------------------------


def test_changes_set_amounts_and_move_nothing_else(simulator: Simulator) -> None:
    seed = next(s for s in SEEDS if not simulator.truth(s)["face"]["acceptable"])
    truth = simulator.truth(seed, {"grade": 0.5})
    assert truth["grade"] == {"acceptable": False, "operation": "regrade", "amount": 0.5}
    assert truth["face"] == simulator.truth(seed)["face"]
    mended = simulator.truth(seed, dict.fromkeys(("face", "grade", "light", "frame", "blur"), 0.0))
    assert mended["acceptable"]
    assert np.array_equal(pixels(simulator, seed, grade=0.5), pixels(simulator, seed, grade=0.5))
    assert not np.array_equal(pixels(simulator, seed, grade=0.5), pixels(simulator, seed, grade=0.6))


def test_all_amounts_at_zero_are_the_source(astronaut: Pixels) -> None:
    nothing = dict.fromkeys(("face", "grade", "light", "frame", "blur"), 0.0)
    assert np.array_equal(pixels(make(size=512), 9, **nothing), astronaut)


BAD_CHANGES: list[dict[str, Json]] = [
    {"strength": 1},
    {"mark": 0.5},
    {"grade": 1.5},
    {"grade": -0.1},
    {"grade": "much"},
    {"grade": None},
    {"grade": True},
    {"grade": float("nan")},
]


@pytest.mark.parametrize("changes", BAD_CHANGES)
def test_other_changes_fail_with_a_sentence(simulator: Simulator, changes: dict[str, Json]) -> None:
    with pytest.raises(RenderFailed, match=r"a recipe may change|an amount is a number") as failed:
        simulator.render(Recipe(seed=1, changes=changes))
    assert failed.value.cost is not None
    with pytest.raises(UsageError):
        simulator.truth(1, changes)


# -- cost and watch --------------------------------------------------------------------------------------------------


def test_cost_is_measured_unless_it_is_said_to_be_simulated(simulator: Simulator) -> None:
    real = simulator.render(Recipe(seed=1))
    assert real.cost.render > 0
    assert (real.cost.device, real.cost.steps_run, real.cost.steps_planned) == ("cpu", 20, 20)
    assert real.recipe.details["cost"] == "measured"
    billed = make(seconds_per_render=38.0, device="cuda").render(Recipe(seed=1))
    assert billed.cost.render == billed.cost.gpu_seconds == 38.0
    assert billed.recipe.details["cost"] == "simulated"


def test_a_watch_sees_a_preview_that_clears_and_is_made_only_when_asked_for() -> None:
    simulator, watch = make(steps=6), Watcher()
    rendered = simulator.render(Recipe(seed=2), watch)
    assert watch.seen == [(k, 6) for k in range(1, 7)]
    assert watch.sharpness == sorted(watch.sharpness)
    assert watch.sharpness[0] < watch.sharpness[-1] / 2
    assert rendered.cost.preview > 0
    assert np.array_equal(next(rendered.media.frames()).pixels, pixels(simulator, 2))
    blind = simulator.render(Recipe(seed=2), Watcher(peek=False))
    assert blind.cost.preview == 0


def test_a_watch_that_says_no_ends_the_render_with_the_steps_it_ran() -> None:
    simulator = make(steps=10, seconds_per_render=20.0)
    with pytest.raises(Aborted, match="step 4 of 10") as stopped:
        simulator.render(Recipe(seed=2), Watcher(last=4))
    cost, recipe = stopped.value.cost, stopped.value.recipe
    assert cost is not None
    assert (cost.steps_run, cost.steps_planned, cost.render) == (4, 10, 8.0)
    assert cost.render_equivalents == 0.4
    assert recipe is not None
    assert recipe.details["truth"] == simulator.truth(2)


# -- sources ---------------------------------------------------------------------------------------------------------


def test_sources_of_every_kind_give_the_same_candidates(tmp_path: Path, astronaut: Pixels) -> None:
    path = tmp_path / "a.png"
    Pil.fromarray(astronaut).save(path)
    wanted = pixels(make(), 1)
    for source in (path, str(path), Image.open(path), Image.from_array(astronaut), [astronaut], (path,)):
        simulator = Simulator(source, face=FACE, size=256)
        assert np.array_equal(pixels(simulator, 1), wanted)
        assert simulator.settings == make().settings
    assert simulator.render(Recipe(seed=1)).recipe.inputs["source"] == Image.open(path).digest


def test_several_sources_each_get_their_share(astronaut: Pixels) -> None:
    simulator = Simulator([astronaut, astronaut[:, ::-1]], size=64)
    chosen = [simulator.render(Recipe(seed=seed)).recipe.inputs["source"] for seed in range(100)]
    assert len(set(chosen)) == 2
    assert 25 < chosen.count(chosen[0]) < 75
    one = Simulator(astronaut, size=64)
    assert [one.truth(s) for s in range(50)] == [simulator.truth(s) for s in range(50)]


def test_a_clip_gives_clips_changed_alike_in_every_frame(astronaut: Pixels) -> None:
    clip = Clip.from_arrays([astronaut, np.roll(astronaut, 4, axis=1), astronaut], 25)
    simulator = Simulator(clip, face=FACE, size=128)
    media = simulator.render(Recipe(seed=4)).media
    assert isinstance(media, Clip)
    assert media.frame_count == 3
    assert media.rate == 25
    frames = [frame.pixels for frame in media.frames(Sampling())]
    assert np.array_equal(frames[0], frames[2])
    assert not np.array_equal(frames[0], frames[1])
    assert np.array_equal(frames[0], pixels(make(size=128), 4))


def test_sizes_shrink_and_never_grow(astronaut: Pixels) -> None:
    assert pixels(Simulator(astronaut[:300, :], size=128), 0).shape == (75, 128, 3)
    assert pixels(Simulator(astronaut[:50, :40], size=4000), 0).shape == (50, 40, 3)
    assert pixels(Simulator(astronaut[:1, :1]), 0).shape == (1, 1, 3)


def test_the_face_may_come_from_a_detector(astronaut: Pixels) -> None:
    box = Box(*FACE)
    for found in (box, Face(box, 0.9), [Face(box, 0.9), Face(Box(0, 0, 9, 9), 0.1)]):
        detector = lambda seen, found=found: found  # noqa: E731
        assert np.array_equal(pixels(Simulator(astronaut, face=detector, size=256), 1), pixels(make(), 1))


def test_a_detector_that_misses_a_frame_is_forgiven(astronaut: Pixels) -> None:
    answers: list[Box | None] = [Box(*FACE), None]
    clip = Clip.from_arrays([astronaut, astronaut], 24)
    frames = Simulator(clip, face=lambda seen: answers.pop(0), size=128).render(Recipe(seed=4)).media.frames()
    assert np.array_equal(next(frames).pixels, next(frames).pixels)


def test_the_mark_is_there_and_part_of_the_settings(astronaut: Pixels) -> None:
    there = make(mark=logo(), mark_at=(10, 400, 130, 460), acceptable=1)
    corner = pixels(there, 1)[205:225, 10:55].astype(int)
    assert np.median(corner[..., 2] - corner[..., 0]) > 80  # blue, where her suit is orange
    blank = logo()
    blank[5, 5] = 0
    digests = {str(make(mark=m, mark_at=(10, 400, 130, 460)).settings["footage"]) for m in (logo(), blank)}
    assert len(digests | {str(make().settings["footage"])}) == 3


def test_it_fits_the_seam_and_says_what_it_is(simulator: Simulator) -> None:
    assert isinstance(simulator, Generator)
    assert simulator.settings["aspects"] == ["face", "grade"]
    assert make(face=None).settings["aspects"] == ["grade"]
    assert "12.5" in repr(simulator) or "0.125" in repr(simulator)


BAD_SETTINGS: list[tuple[dict[str, Any], str]] = [
    ({"acceptable": -0.1}, "share in"),
    ({"acceptable": 1.01}, "share in"),
    ({"acceptable": float("nan")}, "share in"),
    ({"acceptable": "0.5"}, "share in"),
    ({"aspects": ()}, "one or more"),
    ({"aspects": "grade"}, "one or more"),
    ({"aspects": ("hands",)}, "no aspect 'hands'"),
    ({"aspects": ("mark",)}, "give mark="),
    ({"aspects": ("face",), "face": None}, "give face="),
    ({"severity": (0.05, 1)}, "severity"),
    ({"severity": (0.9, 0.5)}, "severity"),
    ({"severity": (0.5, 1.5)}, "severity"),
    ({"severity": 0.5}, "severity"),
    ({"size": 8}, "size"),
    ({"size": 512.0}, "size"),
    ({"steps": 0}, "steps"),
    ({"salt": -1}, "salt"),
    ({"seconds_per_render": 0}, "seconds_per_render"),
    ({"seconds_per_render": float("inf")}, "seconds_per_render"),
    ({"device": "cuda"}, "seconds_per_render"),
    ({"face": (600, 82, 700, 177)}, "not in the picture of 512 x 512"),
    ({"face": (-90, -90, -10, -10)}, "not in the picture"),
    ({"face": (272, 82, 177, 177)}, "not in the picture"),
    ({"face": (float("nan"), 82, 272, 177)}, "not in the picture"),
    ({"face": (1, 2, 3)}, "left, top, right, bottom"),
    ({"face": "there"}, "left, top, right, bottom"),
    ({"face": 7}, "left, top, right, bottom"),
    ({"face": lambda seen: None}, "no face was found"),
    ({"face": lambda seen: ()}, "no face was found"),
    ({"face": lambda seen: "there"}, "has to give a Box"),
    ({"face": (200, 100, 220, 120)}, "at least 16 px"),
    ({"mark": logo()}, "mark_at"),
    ({"mark_at": (0, 0, 9, 9)}, "H x W x 4"),
    ({"mark": logo()[..., :3], "mark_at": (0, 0, 9, 9)}, "H x W x 4"),
    ({"mark": logo() * 0, "mark_at": (0, 0, 9, 9)}, "transparent"),
    ({"mark": logo(), "mark_at": (600, 600, 700, 700)}, "mark box"),
]


@pytest.mark.parametrize(("settings", "said"), BAD_SETTINGS)
def test_senseless_settings_are_refused_before_any_render(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        make(**settings)


@pytest.mark.parametrize("source", [[], (), None, 3, [None], {"a": 1}])
def test_what_is_no_source(source: Any) -> None:
    with pytest.raises(UsageError):
        Simulator(source)


@pytest.mark.parametrize(
    "array", [np.zeros((9, 9)), np.zeros((9, 9, 3)), np.zeros((9, 9, 4), np.uint8), np.zeros((0, 9, 3), np.uint8)]
)
def test_wrong_arrays(array: Any) -> None:
    with pytest.raises(MediaError):
        Simulator(array)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n nothing more")
    for name in ("missing.png", "broken.png"):
        with pytest.raises(MediaError, match=name):
            Simulator(tmp_path / name)
