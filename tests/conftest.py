"""What several test files share: evaluation footage, an enrolled astronaut, a gate without models."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

import continuity as ct
from continuity.testing import FakeBackends, FakeMetric


@pytest.fixture(scope="session")
def footage() -> Path:
    """The folder of evaluation footage; the only reason for which a test may skip."""
    folder = os.environ.get("CONTINUITY_EVAL_DATA", "")
    if not folder or not Path(folder).is_dir():
        pytest.skip("CONTINUITY_EVAL_DATA names no folder of evaluation footage")
    return Path(folder)


@pytest.fixture(scope="session")
def astronaut() -> np.ndarray:
    """A real photograph of one person, 512 x 512, public domain, shipped with scikit-image."""
    from skimage import data

    return np.ascontiguousarray(data.astronaut())


@pytest.fixture(scope="session")
def backends() -> ct.LocalBackends:
    """The real models."""
    return ct.LocalBackends()


@pytest.fixture(scope="session")
def enrolled(
    tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, backends: ct.LocalBackends
) -> ct.Identity:
    """The astronaut with her grade, enrolled with the real models."""
    folder = tmp_path_factory.mktemp("identities")
    Pil.fromarray(astronaut).save(folder / "astronaut.png")
    picture = folder / "astronaut.png"
    return ct.enrol(folder / "collins", actors={"collins": [picture]}, grade=[picture], backends=backends)


@pytest.fixture(scope="session")
def coffee() -> np.ndarray:
    """A real photograph of a cup, 400 x 600, nobody in it, shipped with scikit-image."""
    from skimage import data

    return np.ascontiguousarray(data.coffee())


@pytest.fixture(scope="session")
def dressed(
    tmp_path_factory: pytest.TempPathFactory, astronaut: np.ndarray, coffee: np.ndarray, backends: ct.LocalBackends
) -> ct.Identity:
    """The astronaut in her suit, the cup as a product and her studio as a set, enrolled with the real models."""
    folder = tmp_path_factory.mktemp("dressed")
    for name, pixels in (("astronaut", astronaut), ("coffee", coffee)):
        Pil.fromarray(pixels).save(folder / f"{name}.png")
    person, cup = [folder / "astronaut.png"], [folder / "coffee.png"]
    return ct.enrol(
        folder / "collins",
        actors={"collins": person},
        wardrobe={"collins": person},
        products={"cup": cup},
        sets={"studio": person},
        backends=backends,
    )


@pytest.fixture
def nobody() -> ct.Identity:
    """An identity with nothing enrolled, for gates whose metrics need none."""
    return ct.Identity(name="nobody", enrolled=())


@pytest.fixture
def bright_gate(nobody: ct.Identity) -> ct.Gate:
    """Passes pictures whose mean brightness is at most 64 levels; needs no models."""
    return ct.Gate([FakeMetric("bright")], identity=nobody, tolerances={"bright": 64.0}, backends=FakeBackends())


@pytest.fixture
def flat() -> Callable[[int], ct.Image]:
    """Makes a picture of one grey level."""
    return lambda level: ct.Image.from_array(np.full((16, 16, 3), level, dtype=np.uint8))


def linear_exr(path: Path, pixels: np.ndarray, **attributes: object) -> Path:
    """An OpenEXR file, half, of sRGB pixels in linear Rec.709; it says its colour space by ``attributes`` alone."""
    import OpenImageIO

    codes = pixels.astype(np.float32) / 255
    linear = np.where(codes <= 0.04045, codes / 12.92, ((codes + 0.055) / 1.055) ** 2.4).astype(np.float32)
    spec = OpenImageIO.ImageSpec(pixels.shape[1], pixels.shape[0], 3, "half")
    for name, value in attributes.items():
        spec.attribute(name, value)
    file = OpenImageIO.ImageOutput.create(str(path))
    assert file.open(str(path), spec) and file.write_image(linear), file.geterror()
    assert file.close()
    return path


@pytest.fixture(scope="session")
def exr() -> Callable[..., Path]:
    """Writes OpenEXR files: path, HxWx3 uint8 sRGB, attributes."""
    return linear_exr
