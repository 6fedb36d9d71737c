"""OpenCLIP for real: a tiny model of random weights, saved and loaded back through the library's own loader."""

from __future__ import annotations

import importlib.util
import json
import logging
import os
import shutil
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pil

from continuity.backends import clip, clip_checkpoint
from continuity.backends.clip import ClipLook
from continuity.backends.torchvision_ops import ensure_torchvision
from continuity.errors import MissingDependency, MissingWeights, ModelError, UsageError
from continuity.interfaces import LookBackend
from continuity.weights.cache import sha256_of

NAME = "continuity-tiny"
CONFIG = {
    "embed_dim": 24,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 8},
    "text_cfg": {"context_length": 16, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
TEXTS = ["a red car on a beach at noon", "snow"]


@pytest.fixture(scope="module")
def open_clip(tmp_path_factory: pytest.TempPathFactory) -> Any:
    library = clip_checkpoint.open_clip()
    folder = tmp_path_factory.mktemp("configs")
    other = CONFIG | {"embed_dim": 12}
    for name, config in ((NAME, CONFIG), (f"{NAME}-12", other)):
        (folder / f"{name}.json").write_text(json.dumps(config))
    library.add_model_config(folder)
    return library


@pytest.fixture(scope="module")
def original(open_clip: Any) -> Any:
    """The model that is saved: (network, preparation), in train mode as it was made."""
    import torch

    torch.manual_seed(7)
    net, _, prepare = open_clip.create_model_and_transforms(NAME)
    return net, prepare


@pytest.fixture(scope="module")
def checkpoint(original: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch

    path = tmp_path_factory.mktemp("weights") / "tiny.pt"
    torch.save(original[0].state_dict(), path)
    return path


@pytest.fixture(scope="module")
def look(checkpoint: Path) -> ClipLook:
    return ClipLook(NAME, checkpoint)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    numbers = np.random.default_rng(3)
    return [numbers.integers(0, 256, (h, w, 3), dtype=np.uint8) for h, w in ((32, 32), (90, 41), (8, 200), (1, 1))] * 5


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    yield


def reference(original: Any, open_clip: Any, what: list[Any]) -> np.ndarray:
    import torch

    net, prepare = original
    net.eval()
    with torch.no_grad():
        if isinstance(what[0], str):
            rows = net.encode_text(open_clip.get_tokenizer(NAME)(what), normalize=True)
        else:
            rows = net.encode_image(torch.stack([prepare(Pil.fromarray(p)) for p in what]), normalize=True)
    return rows.numpy()


def test_both_towers_give_what_the_saved_model_gives(
    look: ClipLook, original: Any, open_clip: Any, pictures: list[np.ndarray]
) -> None:
    assert isinstance(look, LookBackend)
    assert look.reads_text
    for found, wanted in (
        (look.embed(pictures), reference(original, open_clip, pictures)),
        (look.embed_texts(TEXTS), reference(original, open_clip, TEXTS)),
    ):
        assert found.dtype == np.float32
        assert found.shape == wanted.shape
        assert np.abs(found - wanted).max() < 1e-5
        assert np.linalg.norm(found, axis=1) == pytest.approx(1, abs=1e-5)
    assert np.abs(look.embed(pictures)[0] - look.embed(pictures)[1]).max() > 0.01


def test_a_batch_is_its_pictures_one_by_one(look: ClipLook, pictures: list[np.ndarray]) -> None:
    assert len(pictures) > clip.BATCH
    together = look.embed(pictures)
    alone = np.concatenate([look.embed([picture]) for picture in pictures])
    assert np.abs(together - alone).max() < 1e-5
    assert np.array_equal(look.embed_texts(TEXTS)[0], look.embed_texts(TEXTS)[0])


def test_safetensors_load_too(original: Any, look: ClipLook, pictures: list[np.ndarray], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({k: v.contiguous() for k, v in original[0].state_dict().items()}, tmp_path / "tiny.safetensors")
    assert np.allclose(ClipLook(NAME, tmp_path / "tiny.safetensors").embed(pictures), look.embed(pictures), atol=1e-6)


def test_space_and_card_follow_the_file(look: ClipLook, checkpoint: Path, original: Any, tmp_path: Path) -> None:
    import torch

    twin, changed = tmp_path / "twin.pt", tmp_path / "changed.pt"
    shutil.copy(checkpoint, twin)
    state = original[0].state_dict()
    torch.save(state | {"logit_scale": state["logit_scale"] + 1}, changed)
    assert look.space == ClipLook(NAME, twin).space
    assert look.space != ClipLook(NAME, changed).space != ClipLook(f"{NAME}-12", checkpoint).space
    (card,) = look.models
    assert (card.role, card.name, card.commercial) == ("look", f"{NAME} tiny.pt", False)
    assert card.licence == "unknown: given by you"
    assert card.digest == sha256_of(checkpoint)
    (stated,) = ClipLook(NAME, twin, licence="MIT", commercial=True).models
    assert (stated.licence, stated.commercial) == ("MIT", True)


def test_a_file_that_changes_is_another_model(checkpoint: Path, original: Any, pictures: Any, tmp_path: Path) -> None:
    import torch

    path = tmp_path / "mine.pt"
    shutil.copy(checkpoint, path)
    look = ClipLook(NAME, path)
    before, space = look.embed(pictures[:1]), look.space
    state = original[0].state_dict()
    torch.save({k: v * 1.5 if "proj" in k else v for k, v in state.items()}, path)
    assert look.space != space
    assert np.abs(look.embed(pictures[:1]) - before).max() > 1e-3


def test_a_checkpoint_that_is_none_is_a_sentence(checkpoint: Path, pictures: Any, tmp_path: Path) -> None:
    cut, text, empty = tmp_path / "cut.pt", tmp_path / "text.pt", tmp_path / "empty.pt"
    cut.write_bytes(checkpoint.read_bytes()[:4000])
    text.write_text("this is no checkpoint")
    empty.touch()
    for path in (cut, text, empty):
        with pytest.raises(ModelError, match=rf"{path.name} cannot be loaded as {NAME} .* damaged, or belongs to"):
            ClipLook(NAME, path).embed(pictures[:1])
    with pytest.raises(ModelError, match=f"cannot be loaded as {NAME}-12 .* belongs to another model") as failure:
        ClipLook(f"{NAME}-12", checkpoint).embed(pictures[:1])
    assert len(str(failure.value)) < 600


def test_weights_that_are_no_numbers_are_a_sentence(original: Any, pictures: Any, tmp_path: Path) -> None:
    import torch

    state = original[0].state_dict()
    torch.save({k: v * float("nan") for k, v in state.items()}, tmp_path / "nan.pt")
    with pytest.raises(ModelError, match="no numbers for a picture"):
        ClipLook(NAME, tmp_path / "nan.pt").embed(pictures[:1])


@pytest.mark.usefixtures("no_network")
def test_what_is_not_here_is_missing_and_never_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for missing, why in ((tmp_path / "none.pt", "no such file"), (tmp_path, "it is a folder"), ("none.pt", "no such")):
        with pytest.raises(MissingWeights, match=why):
            _ = ClipLook("ViT-B-32", missing).models
    with pytest.raises(
        MissingWeights, match=r"'laion2b_s34b_b79k' .* not in the local cache, and nothing is downloaded"
    ):
        _ = ClipLook("ViT-B-32", "laion2b_s34b_b79k").space
    with pytest.raises(MissingWeights, match=r"neither a file here nor a tag of it .*laion2b"):
        ClipLook("ViT-B-32", "nonsense").embed([np.zeros((8, 8, 3), np.uint8)])


@pytest.mark.usefixtures("no_network")
def test_a_tag_in_the_cache_is_loaded_with_its_preparation(
    checkpoint: Path, look: ClipLook, pictures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from open_clip import pretrained

    monkeypatch.setenv("HOME", str(tmp_path))
    folder = tmp_path / ".cache" / "clip"
    folder.mkdir(parents=True)
    shutil.copy(checkpoint, folder / "tiny.pt")
    tag = {"url": "https://nowhere.invalid/tiny.pt", "mean": (0, 0, 0), "std": (1, 1, 1), "interpolation": "bicubic"}
    monkeypatch.setitem(pretrained._PRETRAINED, NAME, {"our_tag": tag})
    tagged = ClipLook(NAME, "our_tag")
    assert tagged._found.path == folder / "tiny.pt"
    assert tagged.models[0].name == f"{NAME} our_tag"
    found = tagged.embed(pictures[:1])
    assert np.array_equal(found, ClipLook(NAME, checkpoint).embed(pictures[:1]))  # all tags of the model agree
    assert np.array_equal(found, look.embed(pictures[:1]))  # and a model that is loaded already takes note
    black = ClipLook(NAME, "our_tag").embed(pictures[:1])
    monkeypatch.setitem(pretrained._PRETRAINED, NAME, {"our_tag": tag, "other": tag | {"mean": (0.5, 0.5, 0.5)}})
    assert np.abs(ClipLook(NAME, checkpoint).embed(pictures[:1]) - black).max() > 1e-4
    assert ClipLook(NAME, checkpoint).space != tagged.space


def test_arguments_that_cannot_be_meant(checkpoint: Path, look: ClipLook) -> None:
    for model, path in (("", checkpoint), ("hf-hub:someone/model", checkpoint), ("ViT-B-32", ""), ("ViT-B-32", "a\0")):
        with pytest.raises(UsageError, match="wanted"):
            ClipLook(model, path)
    with pytest.raises(UsageError, match=r"got 'ViT-B-33': .*ViT-B-32"):
        _ = ClipLook("ViT-B-33", checkpoint).space
    with pytest.raises(UsageError, match="at least one picture"):
        look.embed([])
    with pytest.raises(UsageError, match=r"at most 14 tokens was wanted, .* has 40: shorten it"):
        look.embed_texts(["snow", "car " * 40])


@pytest.mark.usefixtures("no_network")
def test_a_tokenizer_from_a_hub_is_needed_for_texts_only(
    open_clip: Any, checkpoint: Path, look: ClipLook, pictures: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = CONFIG["text_cfg"] | {"hf_tokenizer_name": "nobody/nothing"}
    (tmp_path / "continuity-hub.json").write_text(json.dumps(CONFIG | {"text_cfg": words}))
    open_clip.add_model_config(tmp_path / "continuity-hub.json")
    hub = ClipLook("continuity-hub", checkpoint)
    assert np.allclose(hub.embed(pictures[:2]), look.embed(pictures[:2]), atol=1e-6)
    with pytest.raises((MissingWeights, MissingDependency), match=r"the tokenizer .*of .*continuity-hub"):
        hub.embed_texts(["snow"])


def test_nothing_of_the_surroundings_is_changed(
    checkpoint: Path, pictures: Any, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    import huggingface_hub.constants as hub
    import torch

    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", [])
    monkeypatch.setenv("TRANSFORMERS_OFFLINE", "0")
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    torch.set_num_threads(2)
    was = hub.HF_HUB_OFFLINE
    ClipLook(NAME, checkpoint).embed(pictures[:1])
    assert (os.environ["TRANSFORMERS_OFFLINE"], "HF_HUB_OFFLINE" in os.environ) == ("0", False)
    assert was == hub.HF_HUB_OFFLINE
    assert root.handlers == []
    assert torch.get_num_threads() == 2
    assert capfd.readouterr() == ("", "")


def test_a_missing_package_has_its_pip_line(checkpoint: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "open_clip", None)
    with pytest.raises(MissingDependency, match=r"pip install 'continuity-gate\[clip\]'"):
        ClipLook(NAME, checkpoint).embed_texts(["snow"])


def test_torchvision_is_importable_and_calling_what_was_declared_fails_loudly() -> None:
    import torch

    state = ensure_torchvision()
    assert state == ensure_torchvision()
    if state == "absent":
        assert importlib.util.find_spec("torchvision") is None
        return
    from torchvision.ops import nms
    from torchvision.transforms import Resize

    assert Resize(4)(torch.zeros(3, 8, 8)).shape == (3, 4, 4)
    if state == "declared":
        with pytest.raises(RuntimeError):
            nms(torch.zeros(1, 4), torch.zeros(1), 0.5)
