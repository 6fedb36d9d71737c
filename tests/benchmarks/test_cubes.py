"""Look-up tables as graders hand them over."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from continuity.errors import MediaError
from cubes import cube, cubes

Colour = tuple[float, float, float]


def grid(size: int, made: Callable[[float, float, float], Colour]) -> str:
    steps = np.linspace(0, 1, size)
    return "".join("{:.6f} {:.6f} {:.6f}\n".format(*made(r, g, b)) for b in steps for g in steps for r in steps)


def warm(r: float, g: float, b: float) -> Colour:
    return min(1.0, 0.9 * r + 0.1), g, 0.8 * b


def under(path: Path, text: str) -> np.ndarray:
    path.write_bytes(text.encode())
    return np.asarray(PICTURE.filter(cube(path))).astype(float)


PIXELS = np.random.default_rng(1).integers(0, 256, (20, 20, 3), np.uint8)
PICTURE = Image.fromarray(PIXELS)
WARM = (PIXELS / 255 * (0.9, 1, 0.8) + (0.1, 0, 0)) * 255


@pytest.mark.parametrize(
    "head",
    [
        "LUT_3D_SIZE 5\n",
        '\ufeff# a look\r\nTITLE "LUT_3D_SIZE 9 1"\r\nLUT_3D_SIZE 5\r\nDOMAIN_MIN 0 0 0\r\nDOMAIN_MAX 1 1 1\r\n\r\n',
        "LUT_3D_SIZE\t5 # five\nLUT_3D_INPUT_RANGE 0.0 1.0\n",
    ],
)
def test_a_plain_table_however_it_is_written(head: str, tmp_path: Path) -> None:
    assert np.abs(under(tmp_path / "a.cube", head + grid(5, warm)) - WARM).max() < 1


def test_a_table_larger_than_pillow_takes(tmp_path: Path) -> None:
    assert np.abs(under(tmp_path / "a.cube", "LUT_3D_SIZE 67\n" + grid(67, warm)) - WARM).max() < 1


def test_the_domain_is_what_the_ends_stand_for(tmp_path: Path) -> None:
    head = "LUT_3D_SIZE 5\nDOMAIN_MIN -0.5 -0.5 -0.5\nDOMAIN_MAX 1.5 1.5 1.5\n"
    same = under(tmp_path / "a.cube", head + grid(5, lambda r, g, b: (2 * r - 0.5, 2 * g - 0.5, 2 * b - 0.5)))
    assert np.abs(same - PIXELS).max() < 1


def test_a_curve_a_channel_alone_and_before_a_cube(tmp_path: Path) -> None:
    curve = "".join(f"{1 - x} {x} {x}\n" for x in np.linspace(0, 1, 7))
    negative = PIXELS.astype(float) * (-1, 1, 1) + (255, 0, 0)
    assert np.abs(under(tmp_path / "a.cube", f"LUT_1D_SIZE 7\n{curve}") - negative).max() < 1
    both = under(tmp_path / "b.cube", f"LUT_1D_SIZE 7\nLUT_3D_SIZE 5\n{curve}" + grid(5, warm))
    assert np.abs(both - (negative * (0.9, 1, 0.8) + (25.5, 0, 0))).max() < 1


@pytest.mark.parametrize(
    "text",
    ["", "hello\n", "LUT_3D_SIZE 2\n0 0 0\n", "LUT_3D_SIZE x\n", "LUT_3D_SIZE 1\n0 0 0\n", "0 0 0\n1 1 1\n",
     "LUT_1D_SIZE 2\n0 0 0\nnan 1 1\n", "LUT_1D_SIZE 2\nDOMAIN_MAX 0 0 0\n0 0 0\n1 1 1\n",
     "LUT_1D_SIZE 2\n0 0\n1 1 1\n",
     "LUT_1D_SIZE 2\nDOMAIN_MAX 1 1\n0 0 0\n1 1 1\n", "LUT_1D_SIZE 2\nLUT_1D_INPUT_RANGE 1\n0 0 0\n1 1 1\n"],
)  # fmt: skip
def test_what_is_no_table_is_left_out_with_a_sentence(
    text: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.cube").write_text(text)
    with pytest.raises(MediaError, match=r"bad\.cube: a look-up table \(\.cube\) was wanted: "):
        cube(tmp_path / "bad.cube")
    assert cubes([tmp_path / "bad.cube", tmp_path / "nowhere.cube"]) == {}
    assert capsys.readouterr().err.count("left out: ") == 2


def test_two_looks_of_one_name_are_two(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "x.cube").write_text("LUT_3D_SIZE 2\n" + grid(2, warm))
    assert len(cubes(sorted(tmp_path.rglob("*.cube")))) == 2
