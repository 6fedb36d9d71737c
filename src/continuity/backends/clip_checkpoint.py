"""Checkpoints of OpenCLIP: which file on this machine a path or a tag names, and what is known of its model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from continuity.backends.torchvision_ops import ensure_torchvision
from continuity.errors import ContinuityError, MissingDependency, MissingWeights, UsageError
from continuity.installs import require
from continuity.weights.cache import sha256_of

EXTRA = "'continuity-gate[clip]'"
PREPARATION = ("mean", "std", "interpolation", "resize_mode")  # what a tag may say of the pictures it wants
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # of a tag that names no file

_hashed: dict[tuple[Path, int, int, int], str] = {}  # path, inode, mtime and size -> sha256


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint of an OpenCLIP model: the path of a file, or a tag whose file is in the local cache already."""

    model: str
    name: str

    @property
    def path(self) -> Path:
        """The file that the checkpoint names.

        Raises:
            MissingWeights: there is no such file, and no such tag in the local cache.
            MissingDependency: a tag was given, and open_clip is not installed.
        """
        path = Path(self.name).expanduser()
        if path.is_file():
            return path.absolute()
        if path.is_dir() or path.suffix or len(path.parts) > 1:
            found = "it is a folder" if path.is_dir() else "there is no such file"
            raise MissingWeights(
                f"the checkpoint of the look model {self.model} was wanted at {path}, {found}: "
                "give the path of a checkpoint file that is on this machine"
            )
        return self._cached(open_clip())

    @property
    def digest(self) -> str:
        """The sha256 of the file, read once per state of it.

        Raises:
            MissingWeights, MissingDependency: as :attr:`path`.
        """
        return _digest(self.path)

    def architecture(self, library: Any) -> Mapping[str, Any]:
        """What open_clip knows of the model, by its name.

        Raises:
            UsageError: it knows no such model.
        """
        known = library.list_models()
        if self.model not in known:
            import difflib

            near = ", ".join(difflib.get_close_matches(self.model, known, 3)) or "see open_clip.list_models()"
            raise UsageError(f"a model that open_clip knows was wanted, got {self.model!r}: {near}")
        architecture: Mapping[str, Any] = library.get_model_config(self.model)
        return architecture

    def overrides(self, library: Any) -> dict[str, Any]:
        """What the tag says of pictures and activation; for a file, what all tags of its model agree on."""
        tags = library.list_pretrained_tags_by_model(self.model)
        given = library.get_pretrained_cfg(self.model, self.name)
        is_tag = bool(given) and not Path(self.name).expanduser().is_file()
        says = [given] if is_tag else [library.get_pretrained_cfg(self.model, tag) for tag in tags]
        agreed = {f"image_{key}": says[0].get(key) for key in PREPARATION if says and _agree(says, key)}
        return agreed | ({"force_quick_gelu": True} if is_tag and given.get("quick_gelu") else {})

    def _cached(self, library: Any) -> Path:
        """The file of a tag in the caches of open_clip and of the hub."""
        known = library.get_pretrained_cfg(self.model, self.name)
        if not known:
            tags = ", ".join(library.list_pretrained_tags_by_model(self.model)) or "none"
            raise MissingWeights(
                f"the checkpoint of the look model {self.model} was wanted, {self.name!r} is neither a file here "
                f"nor a tag of it (its tags: {tags}): give the path of a checkpoint file"
            )
        for path in _places(known):
            if path.is_file():
                return path.absolute()
        raise MissingWeights(
            f"the checkpoint {self.name!r} of the look model {self.model} is not in the local cache, and nothing "
            f"is downloaded from here: fetch {known.get('hf_hub') or known.get('url')} yourself and give its path"
        )


def open_clip() -> Any:
    """The library.

    Raises:
        MissingDependency: it is not installed, or cannot be imported.
    """
    try:
        ensure_torchvision()
        require("torch", EXTRA)
        return require("open_clip", EXTRA)
    except ContinuityError:
        raise
    except Exception as cause:  # a torchvision that does not fit its torch raises a bare RuntimeError
        raise MissingDependency(
            f"open_clip was wanted and cannot be imported ({short(cause)}): pip install --force-reinstall {EXTRA}"
        ) from cause


def _places(known: Mapping[str, Any]) -> Iterator[Path]:
    """Where a tag's file may lie already: the hub's cache, then the folder that open_clip downloads to."""
    repository, _, file = str(known.get("hf_hub", "")).rpartition("/")
    if repository:
        hub = require("huggingface_hub", EXTRA)
        stem = file.removesuffix(".bin").removesuffix(".pth")
        for name in (*({f"{stem}.safetensors", file} if file else HUB_FILES),):
            found = hub.try_to_load_from_cache(repository, name)
            if isinstance(found, str):
                yield Path(found)
    if known.get("url"):
        yield Path("~/.cache/clip").expanduser() / str(known["url"]).rsplit("/", 1)[-1]


def _agree(says: Sequence[Mapping[str, Any]], key: str) -> bool:
    return says[0].get(key) is not None and all(one.get(key) == says[0].get(key) for one in says)


def _digest(path: Path) -> str:
    try:
        state = path.stat()
        key = (path, state.st_ino, state.st_mtime_ns, state.st_size)
        if key not in _hashed:
            _hashed[key] = sha256_of(path)
        return _hashed[key]
    except OSError as cause:
        raise MissingWeights(f"the checkpoint {path} cannot be read: {cause.strerror or cause}") from cause


def short(cause: BaseException) -> str:
    """The first lines of an error: torch lists every layer that does not fit."""
    text = " ".join(str(cause).split())
    return f"{type(cause).__name__}: {text[:200]}{'...' if len(text) > 200 else ''}"
