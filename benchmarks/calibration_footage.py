"""A face limit chosen on half of the people of real footage and verified on the others: promise against outcome.

    python benchmarks/calibration_footage.py --data DIR [--only clips|faces] [--people 60] [--json]

``clips``: DIR/clips/generated_identity/PERSON/ (clips and ``reference.png``) and DIR/clips/generated_actor/
(``NAME.mp4`` and ``NAME.reference.jpg``). Every clip is a shot for every person: a good one for the person it was
generated from, a bad one for all others. The middle frame is judged. ``faces``: DIR/faces/lfw/PERSON/*.jpg, one
photograph of each person enrolled, others of the same person and of other people judged.

Labels are of another mix (base rate one half). The promise comes from people that did not choose the limit, the outcome
from pictures of theirs that were never judged. Clips are few: all sizes are printed, and a refusal is a result.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

import continuity as ct
from continuity.calibration import Drawn
from continuity.calibration.parts import verification_part
from continuity.errors import EnrolmentError, NotEnoughLabels

BASE_RATE = 0.5
FRAMES = 4  # of each clip: one is judged, the others show the outcome


@dataclass(frozen=True)
class Case:
    """A picture for a person: whether it shows that person, the shot it belongs to, whether it is judged."""

    path: Path
    person: str
    own: bool
    shot: str
    judged: bool


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of evaluation footage")
    parser.add_argument("--only", choices=("clips", "faces"), help="one part instead of both")
    parser.add_argument("--people", type=int, default=60, help="of the labelled photographs")
    parser.add_argument("--json", action="store_true", help="one JSON object a part")
    given = parser.parse_args()
    backends = ct.LocalBackends()
    for part, promise in (("clips", 0.10), ("faces", 0.05)):
        if given.only in (None, part):
            with tempfile.TemporaryDirectory() as work:
                references, cases = (
                    clips(given.data / "clips", Path(work))
                    if part == "clips"
                    else faces(given.data / "faces" / "lfw", given.people)
                )
                found = {"part": part, **promised(gates(references, Path(work), backends), cases, promise)}
            print(json.dumps(found) if given.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


def clips(folder: Path, work: Path) -> tuple[dict[str, Path], list[Case]]:
    """References by person, and some frames of every clip for every person."""
    references = {p.parent.name: p for p in folder.glob("generated_identity/*/reference.png")}
    owners = {p: p.parent.name for p in folder.glob("generated_identity/*/*.gif")}
    for path in folder.glob("generated_actor/*.mp4"):
        references[path.stem] = path.with_name(f"{path.stem}.reference.jpg")
        owners[path] = path.stem
    cases = []
    for path, owner in sorted(owners.items()):
        frames = list(ct.open_media(path).frames(ct.Sampling(per_second=0, at_least=FRAMES + 2)))[1:-1]
        for number, frame in enumerate(frames):
            saved = work / f"{owner}-{path.stem}-{frame.index}.png"
            Image.fromarray(frame.pixels).save(saved)
            for person in references:
                shot = f"{owner}-{path.stem} for {person}"
                cases.append(Case(saved, person, owner == person, shot, number == len(frames) // 2))
    return references, cases


def faces(folder: Path, count: int) -> tuple[dict[str, Path], list[Case]]:
    """References by person, and for each of them three photographs to judge and two more, as many of others."""
    people = {p.name: sorted(p.glob("*.jpg")) for p in sorted(folder.iterdir()) if p.is_dir()}
    names = [name for name, photos in people.items() if len(photos) >= 6][:count]
    cases = []
    for number, name in enumerate(names):
        for i in range(1, 6):
            other = names[(number + 7 * i) % len(names)]
            for owner in (name, other):
                cases.append(Case(people[owner][i], name, owner == name, f"{owner} {i} for {name}", i <= 3))
    return {name: people[name][0] for name in names}, cases


def gates(references: dict[str, Path], work: Path, backends: ct.LocalBackends) -> dict[str, ct.Gate]:
    """A gate for each person whose reference shows one clear face."""
    made = {}
    for name, reference in sorted(references.items()):
        try:
            identity = ct.enrol(work / f"identity-{name}", actors={"actor": [reference]}, backends=backends)
        except EnrolmentError:
            continue
        made[name] = ct.Gate([ct.FaceDistance("actor")], identity=identity, backends=backends)
    return made


def promised(gates: dict[str, ct.Gate], cases: Sequence[Case], max_bad_share: float) -> dict[str, object]:
    """Calibrates on the judged pictures, and looks at the others of the people who did not choose the limit."""
    cases = [case for case in cases if case.person in gates]
    judged = [case for case in cases if case.judged]
    labels = [ct.Label(accept=case.own, shot=case.shot, person=case.person, path=str(case.path)) for case in judged]
    part, apart = verification_part([x.shot for x in labels], [x.person for x in labels], 0.5)
    verifying = {label.person for label, verifies in zip(labels, part, strict=True) if verifies}
    found: dict[str, object] = {
        "people": len(gates),
        "people who verify": len(verifying),
        "kept apart": apart,
        "judged (accepted, rejected)": (sum(x.accept for x in labels), sum(not x.accept for x in labels)),
        "promised": max_bad_share,
    }
    drawn = ct.Labels(tuple(labels), drawn=Drawn.OTHER_MIX)
    try:
        tuning = ct.calibrate(gates, drawn, max_bad_share, base_rate=BASE_RATE, tuning_share=0.5)
    except NotEnoughLabels as cause:
        return {**found, "refused": str(cause), "can promise": cause.can_promise}
    limit = tuning.tolerances["face:actor"].limit
    fresh = [case for case in cases if case.person in verifying and not case.judged]
    own, others = (passing(gates, [case for case in fresh if case.own is kind], limit) for kind in (True, False))
    true, false = float(np.mean(own)), float(np.mean(others))
    return {
        **found,
        "limit": limit,
        "bound": tuning.promise.bound,
        "good that pass, never judged": f"{true:.3f} (n = {len(own)})",
        "bad that pass, never judged": f"{false:.3f} (n = {len(others)})",
        "outcome: bad among accepted": (1 - BASE_RATE) * false / ((1 - BASE_RATE) * false + BASE_RATE * true),
    }


def passing(gates: dict[str, ct.Gate], cases: Iterable[Case], limit: float) -> list[bool]:
    items = [gates[case.person].measure(ct.open_media(case.path))["face:actor"] for case in cases]
    return [item.value is not None and item.value <= limit for item in items]


if __name__ == "__main__":
    main()
