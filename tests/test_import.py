"""What importing costs, and what is public."""

from __future__ import annotations

import subprocess
import sys

import continuity as ct

HEAVY = (
    "torch",
    "mediapipe",
    "cv2",
    "onnxruntime",
    "sqlalchemy",
    "dlib",
    "ai_edge_litert",
    "skimage",
    "scipy",
    "av",
    "numpy",
)


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_loads_nothing_heavy() -> None:
    loaded = run(f"import sys, continuity; print([m for m in {HEAVY} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_the_records_load_no_model_runtime() -> None:
    heavy = tuple(m for m in HEAVY if m != "numpy")
    loaded = run(f"import sys, continuity as ct; ct.Gate, ct.Verdict; print([m for m in {heavy} if m in sys.modules])")
    assert loaded.strip() == "[]"


def test_every_public_name_loads_and_the_list_is_sorted() -> None:
    assert sorted(ct.__all__) == list(ct.__all__)
    assert all(getattr(ct, name) is not None for name in ct.__all__)


def test_public_names_are_these() -> None:
    assert {
        "Budget", "Gate", "GradeDrift", "FaceDistance", "Identity", "Ledger", "Shot", "Simulator", "Tolerances",
        "enrol", "judge", "open_media", "__version__",
    } <= set(ct.__all__)  # fmt: skip


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    assert not hasattr(ct, "similarity")
