"""Colour spaces of OpenEXR pictures, against matrices and curves computed here from the published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from continuity.errors import MediaError, MissingDependency
from continuity.media import Image, open_media

# x, y of red, green, blue, white: BT.709-6, SMPTE ST 2065-1, AMPAS S-2014-004, BT.2020-2, SMPTE EG 432-1 at D65.
D65, D60 = (0.3127, 0.3290), (0.32168, 0.33767)
REC709 = (0.64, 0.33, 0.30, 0.60, 0.15, 0.06, *D65)
AP0 = (0.7347, 0.2653, 0.0, 1.0, 0.0001, -0.0770, *D60)
AP1 = (0.713, 0.293, 0.165, 0.830, 0.128, 0.044, *D60)
REC2020 = (0.708, 0.292, 0.170, 0.797, 0.131, 0.046, *D65)
P3 = (0.680, 0.320, 0.265, 0.690, 0.150, 0.060, *D65)
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])


@pytest.fixture(autouse=True)
def surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OCIO", raising=False)
    monkeypatch.delenv("CONTINUITY_COLORSPACE", raising=False)


def xyz(x: float, y: float) -> np.ndarray:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def to_xyz(chromaticities: tuple[float, ...]) -> np.ndarray:
    """RGB to XYZ by SMPTE RP 177."""
    columns = np.stack([xyz(*chromaticities[k : k + 2]) for k in (0, 2, 4)], axis=1)
    return columns * np.linalg.solve(columns, xyz(*chromaticities[6:]))


def matrix(source: tuple[float, ...], target: tuple[float, ...]) -> np.ndarray:
    """Linear RGB of one space to that of another, the white adapted by Bradford."""
    scale = (BRADFORD @ xyz(*target[6:])) / (BRADFORD @ xyz(*source[6:]))
    return np.linalg.inv(to_xyz(target)) @ np.linalg.inv(BRADFORD) @ np.diag(scale) @ BRADFORD @ to_xyz(source)


def acescct(linear: np.ndarray) -> np.ndarray:
    """The curve of AMPAS S-2016-001."""
    curve = (np.log2(np.maximum(linear, 1e-10)) + 9.72) / 17.52
    return np.where(linear <= 0.0078125, 10.5402377416545 * linear + 0.0729055341958355, curve)


def colours() -> np.ndarray:
    """Linear Rec.709 colours that fill sRGB: 9 x 9 x 9 code values, as 27 x 27 x 3."""
    steps = np.linspace(0, 1, 9)
    codes = np.stack(np.meshgrid(steps, steps, steps), -1).reshape(27, 27, 3)
    return np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4)


def worst_de(pixels: np.ndarray, linear: np.ndarray, make: Any) -> float:
    true = make.srgb_encoded(linear) / 255
    return float(deltaE_ciede2000(rgb2lab(pixels / 255), rgb2lab(true)).max())


ENCODED = {
    "lin_rec709_scene": lambda linear: linear,
    "ACEScg": lambda linear: linear @ matrix(REC709, AP1).T,
    "ACES2065-1": lambda linear: linear @ matrix(REC709, AP0).T,
    "ACEScct": lambda linear: acescct(linear @ matrix(REC709, AP1).T),
    "lin_rec2020_scene": lambda linear: linear @ matrix(REC709, REC2020).T,
    "lin_p3d65_scene": lambda linear: linear @ matrix(REC709, P3).T,
    "srgb_rec709_scene": lambda linear: np.where(
        linear <= 0.0031308, 12.92 * linear, 1.055 * np.maximum(linear, 0) ** (1 / 2.4) - 0.055
    ),
}


@pytest.mark.parametrize("space", ENCODED)
@pytest.mark.parametrize("depth", ["float", "half"])
def test_colours_arrive_as_computed(tmp_path: Path, make: Any, space: str, depth: str) -> None:
    linear = colours()
    path = make.exr(tmp_path / "a.exr", ENCODED[space](linear).astype(np.float32), depth=depth)
    picture = Image.open(path, colorspace=space)
    true = make.srgb_encoded(linear)
    if depth == "float":
        assert np.abs(picture.pixels - true).max() <= 0.51
    assert worst_de(picture.pixels, linear, make) < (0.5 if depth == "float" else 0.8)  # rounding to 8 bits: 0.38


@pytest.mark.parametrize(
    "attributes, name, by",
    [
        ({"chromaticities": REC709}, "Linear Rec.709 (sRGB)", "chromaticities"),
        ({"chromaticities": AP1}, "ACEScg", "chromaticities"),
        ({"chromaticities": tuple(round(n, 3) for n in AP0)}, "ACES2065-1", "chromaticities"),
        ({"chromaticities": P3}, "Linear P3-D65", "chromaticities"),
        ({"acesImageContainerFlag": 1}, "ACES2065-1", "acesImageContainerFlag"),
        ({"colorInteropID": "lin_ap1_scene"}, "ACEScg", "colorInteropID"),
        ({"oiio_ColorSpace": "ACEScct"}, "ACEScct", "oiio:ColorSpace"),
        ({"colorInteropID": "unknown", "chromaticities": AP1}, "ACEScg", "chromaticities"),
        ({"oiio_ColorSpace": "ACEScct", "chromaticities": AP1}, "ACEScct", "oiio:ColorSpace"),
        ({"colorInteropID": "lin_ap1_scene", "oiio_ColorSpace": "ACEScg", "chromaticities": AP1}, "ACEScg", ""),
    ],
)
def test_the_file_says_its_space(tmp_path: Path, make: Any, attributes: dict[str, Any], name: str, by: str) -> None:
    path = make.exr(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32), **attributes)
    picture = Image.open(path)
    assert picture.notes[0].startswith(f"colours read as {name} (said by {by}")
    assert picture.told == {} and picture.digest == picture.file_digest


@pytest.mark.parametrize(
    "attributes, words",
    [
        ({}, "does not say which colour space.*colorspace=, --colorspace or .CONTINUITY_COLORSPACE"),
        ({"colorInteropID": "unknown"}, "does not say which"),
        ({"colorInteropID": "lin_nonsense"}, "colorInteropID says .*'lin_nonsense', which no configuration knows"),
        ({"colorInteropID": "data"}, "'data', which no|holds data"),
        ({"oiio_ColorSpace": "Raw"}, "holds data"),
        ({"chromaticities": (0.6, 0.3, 0.2, 0.7, 0.1, 0.1, 0.3, 0.3)}, "chromaticities says .*'0.6 0.3"),
        ({"oiio_ColorSpace": "ACEScg", "chromaticities": REC709}, "says ACEScg and its chromaticities says lin_rec709"),
        ({"acesImageContainerFlag": 1, "chromaticities": AP1}, "says lin_ap0_scene and its chromaticities"),
    ],
)
def test_unsaid_unknown_and_contradictory_spaces(
    tmp_path: Path, make: Any, attributes: dict[str, Any], words: str
) -> None:
    path = make.exr(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32), **attributes)
    with pytest.raises(MediaError, match=words) as caught:
        open_media(path)
    assert repr(str(path)) in str(caught.value) and ";" in str(caught.value) and "\n" not in str(caught.value)
    assert Image.open(path, colorspace="ACEScg").notes[0].startswith("colours read as ACEScg (said by the caller)")


def test_what_is_given_overrules_the_file_and_says_so(tmp_path: Path, make: Any) -> None:
    path = make.exr(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32), chromaticities=REC709)
    given = Image.open(path, colorspace="ACES2065-1")
    assert "chromaticities of the file says lin_rec709_scene: read as ACES2065-1 all the same, as given" in given.notes
    assert given.told == {"colorspace": "ACES2065-1"}
    same = Image.open(path, colorspace="lin_rec709_scene")
    assert not [note for note in same.notes if "all the same" in note]


def test_a_digest_knows_the_space_that_only_the_caller_says(tmp_path: Path, make: Any) -> None:
    path = make.exr(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32))
    one, other, again = (Image.open(path, colorspace=name) for name in ("ACEScg", "ACES2065-1", "lin_ap1_scene"))
    assert one.digest == again.digest != other.digest
    assert one.file_digest == other.file_digest not in (one.digest, other.digest)


def test_the_environment_says_it_where_nobody_else_does(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = make.exr(tmp_path / "bare.exr", np.full((4, 4, 3), 0.18, np.float32))
    said = make.exr(tmp_path / "said.exr", np.full((4, 4, 3), 0.18, np.float32), chromaticities=REC709)
    monkeypatch.setenv("CONTINUITY_COLORSPACE", "ACEScct")
    assert Image.open(bare).notes[0].startswith("colours read as ACEScct (said by $CONTINUITY_COLORSPACE)")
    assert Image.open(said).notes[0].startswith("colours read as Linear Rec.709 (sRGB) (said by chromaticities)")


CONFIG = """ocio_profile_version: 2.1
roles: {{default: plate, scene_linear: plate, aces_interchange: ref}}
file_rules:
{rule}  - !<Rule> {{name: Default, colorspace: default}}
displays:
  sRGB: [!<View> {{name: Raw, colorspace: ref}}]
colorspaces:
  - !<ColorSpace> {{name: ref}}
  - !<ColorSpace>
    name: plate
    to_scene_reference: !<MatrixTransform> {{matrix: [{matrix}]}}
"""


def config(folder: Path, *, rule: bool) -> Path:
    """A configuration with one linear space of Rec.709 primaries under a name of its own."""
    to_ap0 = np.eye(4)
    to_ap0[:3, :3] = matrix(REC709, AP0)
    path = folder / "config.ocio"
    line = "  - !<Rule> {name: plates, colorspace: plate, pattern: '*plate*', extension: exr}\n" if rule else ""
    path.write_text(CONFIG.format(rule=line, matrix=", ".join(f"{n:.9f}" for n in to_ap0.ravel())))
    return path


def test_a_configuration_of_ones_own(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    linear = colours()
    path = make.exr(tmp_path / "plate.exr", linear.astype(np.float32))
    monkeypatch.setenv("OCIO", str(config(tmp_path, rule=True)))
    by_rule, by_name, by_role = (
        Image.open(path),
        Image.open(path, colorspace="plate"),
        Image.open(path, colorspace="default"),
    )
    assert by_rule.notes[0].startswith("colours read as plate (said by a file rule of $OCIO)")
    for picture in (by_rule, by_name, by_role):
        assert np.abs(picture.pixels - make.srgb_encoded(linear)).max() <= 0.51
    assert by_rule.digest == by_name.digest != by_rule.file_digest
    assert Image.open(path, colorspace="ACEScg").digest not in (by_rule.digest, by_rule.file_digest)


def test_a_default_rule_says_nothing_of_this_file(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    path = make.exr(tmp_path / "plate.exr", np.full((4, 4, 3), 0.18, np.float32))
    monkeypatch.setenv("OCIO", str(config(tmp_path, rule=False)))
    with pytest.raises(MediaError, match="does not say which colour space"):
        open_media(path)


@pytest.mark.parametrize("content", [None, "", "not a configuration: [", "\0\1\2"])
def test_a_configuration_that_cannot_be_read(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch, content: str | None
) -> None:
    path = make.exr(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32))
    place = tmp_path / "broken.ocio"
    if content is not None:
        place.write_text(content)
    monkeypatch.setenv("OCIO", str(place))
    with pytest.raises(MediaError, match=r"\$OCIO names .*broken.ocio.*; set it right or unset it"):
        open_media(path, colorspace="ACEScg")


def test_a_missing_package_gives_the_pip_line(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    path = make.exr(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32), chromaticities=REC709)
    for module in ("PyOpenColorIO", "OpenImageIO"):
        with monkeypatch.context() as patch:
            patch.setitem(sys.modules, module, None)
            from continuity.media import spaces

            spaces._config.cache_clear()
            spaces._processor.cache_clear()
            with pytest.raises(MissingDependency, match=r"pip install 'continuity-gate\[colour\]'"):
                open_media(path)


def test_a_picture_that_is_no_exr_notes_that_a_space_was_not_applied(tmp_path: Path, make: Any) -> None:
    (tmp_path / "a.png").write_bytes(make.png(np.full((4, 4, 3), 119 * 257, np.uint16)))
    picture = open_media(tmp_path / "a.png", colorspace="ACEScg")
    assert picture.notes[0] == "colour space ACEScg not applied: the content is PNG, read by its own tags"


def test_names_that_are_no_utf_8(tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    bare = make.exr(tmp_path / "a.exr", np.full((4, 4, 3), 0.18, np.float32))
    odd = tmp_path / "plate\udcff.exr"
    odd.write_bytes(bare.read_bytes())
    with pytest.raises(MediaError, match="no configuration knows"):
        open_media(bare, colorspace="AC\udcffES\n")
    monkeypatch.setenv("OCIO", str(config(tmp_path, rule=True)))
    assert open_media(odd).notes[0].startswith("colours read as plate")
    monkeypatch.setenv("OCIO", "/tmp/\udcff.ocio")
    with pytest.raises(MediaError, match=r"\$OCIO names .*set it right"):
        open_media(odd)
