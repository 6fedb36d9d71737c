"""The look by OpenCLIP: any of its models, from a checkpoint that is on this machine. Nothing is ever downloaded.

(Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", 2021; open_clip.)
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends.installs import require
from continuity.backends.sessions import threads
from continuity.backends.torchvision_ops import ensure_torchvision
from continuity.errors import ContinuityError, MissingDependency, MissingWeights, ModelError, UsageError
from continuity.records import ModelCard
from continuity.weights.cache import sha256_of

log = logging.getLogger(__name__)

ROLE = "look"
EXTRA = "'continuity-gate[clip]'"
UNKNOWN = "unknown: given by you"
BATCH = 16
PREPARATION = ("mean", "std", "interpolation", "resize_mode")  # what a tag may say of the pictures it wants
HUB_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")  # of a tag that names no file

_loading = threading.RLock()  # what is changed while a model loads belongs to the whole process
_hashed: dict[tuple[Path, int, int, int], str] = {}  # path, inode, mtime and size -> sha256


@dataclass(frozen=True, slots=True)
class _Model:
    net: Any
    prepare: Callable[[Any], Any]
    device: str


class ClipLook:
    """Implements :class:`continuity.interfaces.LookBackend` with an image and a text tower.

    On CUDA where torch has it, in half precision (autocast: values move by about 1e-3); else on the CPU.

    Args:
        model: name of an OpenCLIP model, such as ``ViT-B-32``. It says the architecture, which a checkpoint does not:
            OpenAI's own weights want the names that end in ``-quickgelu``.
        checkpoint: path of a checkpoint file (``.safetensors``, ``.bin``, ``.pt``), or a tag of OpenCLIP, such as
            ``laion2b_s34b_b79k``, whose file is already in the local cache. A path is looked for first.
        licence: what the checkpoint may be used under, for the reports.
        commercial: whether that allows commercial use.

    Raises:
        UsageError: no model name or checkpoint, or a model name that would be fetched from a hub.
    """

    reads_text = True

    def __init__(
        self, model: str, checkpoint: str | os.PathLike[str], *, licence: str = UNKNOWN, commercial: bool = False
    ) -> None:
        self.model = model.replace("/", "-")
        self.checkpoint = os.fspath(checkpoint)
        self.licence = licence or UNKNOWN
        self.commercial = commercial
        if not self.model or ":" in self.model:
            raise UsageError(f"the name of an OpenCLIP model was wanted, such as ViT-B-32, got {model!r}")
        if not self.checkpoint or "\0" in self.checkpoint:
            raise UsageError(f"a checkpoint file or a tag of OpenCLIP was wanted for {model}, got {self.checkpoint!r}")
        self._lock = threading.RLock()
        self._loaded: tuple[tuple[str, int], _Model] | None = None

    @property
    def models(self) -> tuple[ModelCard, ...]:
        """The checkpoint, with its sha256 (read once per state of the file).

        Raises:
            MissingWeights: there is no such file, and no such tag in the local cache.
            MissingDependency: a tag was given, and open_clip is not installed.
        """
        name = f"{self.model} {Path(self.checkpoint).name}"
        return (
            ModelCard(
                role=ROLE, name=name, digest=_digest(self.path), licence=self.licence, commercial=self.commercial
            ),
        )

    @property
    def path(self) -> Path:
        """The file that the checkpoint names.

        Raises:
            MissingWeights, MissingDependency: as :attr:`models`.
        """
        path = Path(self.checkpoint).expanduser()
        if path.is_file():
            return path.absolute()
        if path.is_dir() or path.suffix or len(path.parts) > 1:
            found = "it is a folder" if path.is_dir() else "there is no such file"
            raise MissingWeights(
                f"the checkpoint of the look model {self.model} was wanted at {path}, {found}: "
                "give the path of a checkpoint file that is on this machine"
            )
        return self._cached(_open_clip())

    @property
    def space(self) -> str:
        """``clip-`` and a digest over checkpoint, architecture and preparation.

        Raises:
            MissingWeights, MissingDependency: the checkpoint or open_clip is not there.
            UsageError: open_clip knows no such model.
        """
        open_clip = _open_clip()
        parts = [_digest(self.path), self._architecture(open_clip), self._overrides(open_clip)]
        return f"clip-{hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()}"

    @property
    def provider(self) -> str:
        """Where the model runs: ``cuda`` or ``cpu``."""
        _open_clip()
        return "cuda" if require("torch", EXTRA).cuda.is_available() else "cpu"

    def embed(self, pictures: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
        """n x d, of unit length, prepared as the model wants it (most: shorter side to its size, centre cut out).

        Raises:
            UsageError: no picture.
            MissingWeights, MissingDependency, ModelError: the model is not there, or fails.
        """
        from PIL import Image

        def encoded(model: _Model, batch: Sequence[NDArray[np.uint8]]) -> Any:
            torch = require("torch", EXTRA)
            return model.net.encode_image(
                torch.stack([model.prepare(Image.fromarray(pixels)) for pixels in batch]).to(model.device)
            )

        return self._rows(pictures, encoded, "picture")

    def embed_texts(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """n x d, of unit length.

        Raises:
            UsageError: no text, or one that is longer than the model reads.
            MissingWeights, MissingDependency, ModelError: the model or its tokenizer is not there, or fails.
        """

        def encoded(model: _Model, batch: Sequence[str]) -> Any:
            for text in batch:
                _check_length(tokens, text)
            return model.net.encode_text(tokens(list(batch)).to(model.device))

        tokens = self._tokens()

        return self._rows(texts, encoded, "text")

    def _rows(self, items: Sequence[Any], encoded: Callable[[_Model, Any], Any], what: str) -> NDArray[np.float32]:
        if not items:
            raise UsageError(f"at least one {what} was wanted, got none")
        with self._lock:
            model = self._load()
            try:
                with _counted():
                    rows = [_of_unit_length(encoded, model, items[n : n + BATCH]) for n in range(0, len(items), BATCH)]
            except ContinuityError:
                raise
            except Exception as cause:  # native code raises anything
                raise ModelError(f"the look model {self.model} failed: {type(cause).__name__}: {cause}") from cause
        found = np.concatenate(rows)
        if not np.isfinite(found).all():
            raise ModelError(f"the look model {self.model} gave no numbers for a {what}: is {self.checkpoint} its own?")
        return found

    def _load(self) -> _Model:
        path = self.path
        key = (self.space, os.getpid())  # a forked child loads its own
        if self._loaded is not None and self._loaded[0] == key:
            return self._loaded[1]
        open_clip, device = _open_clip(), self.provider
        try:
            with _closed_off():
                net, _, prepare = open_clip.create_model_and_transforms(
                    self.model,
                    pretrained=str(path),
                    device=device,
                    pretrained_image=False,
                    pretrained_text=False,
                    **self._overrides(open_clip),
                )
        except Exception as cause:  # a file that is no checkpoint makes torch raise anything
            raise ModelError(
                f"the checkpoint {path} cannot be loaded as {self.model} ({_short(cause)}): "
                "it is damaged, or belongs to another model"
            ) from cause
        net.eval()
        self._loaded = (key, _Model(net, prepare, device))
        log.info("%s from %s runs on %s", self.model, path, device)
        return self._loaded[1]

    def _tokens(self) -> Any:
        """The tokenizer: open_clip's own, or (SigLIP and others) one that comes from a hub, if it is here already."""
        open_clip = _open_clip()
        name = self._architecture(open_clip)["text_cfg"].get("hf_tokenizer_name")
        try:
            with _closed_off():
                return open_clip.get_tokenizer(self.model)
        except ImportError as cause:
            raise MissingDependency(
                f"the package transformers was wanted for the tokenizer of {self.model} ({_short(cause)}): "
                "pip install transformers"
            ) from cause
        except Exception as cause:
            raise MissingWeights(
                f"the tokenizer {name} of the look model {self.model} is not in the local cache ({_short(cause)}), and "
                "nothing is downloaded from here: fetch it yourself, or leave the texts out"
            ) from cause

    def _architecture(self, open_clip: Any) -> Mapping[str, Any]:
        known = open_clip.list_models()
        if self.model not in known:
            import difflib

            near = ", ".join(difflib.get_close_matches(self.model, known, 3)) or "see open_clip.list_models()"
            raise UsageError(f"a model that open_clip knows was wanted, got {self.model!r}: {near}")
        architecture: Mapping[str, Any] = open_clip.get_model_config(self.model)
        return architecture

    def _overrides(self, open_clip: Any) -> dict[str, Any]:
        """What the tag says of pictures and activation; for a file, what all tags of its model agree on."""
        tags = open_clip.list_pretrained_tags_by_model(self.model)
        given = open_clip.get_pretrained_cfg(self.model, self.checkpoint)
        is_tag = bool(given) and not Path(self.checkpoint).expanduser().is_file()
        says = [given] if is_tag else [open_clip.get_pretrained_cfg(self.model, tag) for tag in tags]
        agreed = {f"image_{key}": says[0].get(key) for key in PREPARATION if says and _agree(says, key)}
        return agreed | ({"force_quick_gelu": True} if is_tag and given.get("quick_gelu") else {})

    def _cached(self, open_clip: Any) -> Path:
        """The file of a tag in the caches of open_clip and of the hub."""
        known = open_clip.get_pretrained_cfg(self.model, self.checkpoint)
        if not known:
            tags = ", ".join(open_clip.list_pretrained_tags_by_model(self.model)) or "none"
            raise MissingWeights(
                f"the checkpoint of the look model {self.model} was wanted, {self.checkpoint!r} is neither a file here "
                f"nor a tag of it (its tags: {tags}): give the path of a checkpoint file"
            )
        for path in _places(known):
            if path.is_file():
                return path.absolute()
        raise MissingWeights(
            f"the checkpoint {self.checkpoint!r} of the look model {self.model} is not in the local cache, and nothing "
            f"is downloaded from here: fetch {known.get('hf_hub') or known.get('url')} yourself and give its path"
        )


def _open_clip() -> Any:
    try:
        ensure_torchvision()
        require("torch", EXTRA)
        return require("open_clip", EXTRA)
    except ContinuityError:
        raise
    except Exception as cause:  # a torchvision that does not fit its torch raises a bare RuntimeError
        raise MissingDependency(
            f"open_clip was wanted and cannot be imported ({_short(cause)}): pip install --force-reinstall {EXTRA}"
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


def _of_unit_length(encoded: Callable[[_Model, Any], Any], model: _Model, batch: Sequence[Any]) -> NDArray[np.float32]:
    torch = require("torch", EXTRA)
    with torch.inference_mode(), torch.autocast(model.device, enabled=model.device == "cuda"):
        rows = encoded(model, batch)
    rows = rows.float()
    return np.asarray((rows / rows.norm(dim=-1, keepdim=True)).cpu().numpy(), dtype=np.float32)


def _check_length(tokens: Any, text: str) -> None:
    """open_clip cuts a long text off without a word."""
    room = getattr(tokens, "context_length", None)
    if room and hasattr(tokens, "encode") and (count := len(tokens.encode(text))) > room - 2:
        raise UsageError(f"a text of at most {room - 2} tokens was wanted, {text[:60]!r}... has {count}: shorten it")


@contextmanager
def _counted() -> Iterator[None]:
    """As many threads as :func:`continuity.backends.sessions.threads` says; other users of torch keep their number."""
    torch = require("torch", EXTRA)
    before = torch.get_num_threads()
    torch.set_num_threads(threads())
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _closed_off() -> Iterator[None]:
    """Without the hub, for tokenizers and towers that would ask it; and without open_clip's lines on the root logger.

    Logging to a root logger that has no handler gives it one, which would print to stderr from then on.
    """
    names = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE")
    with _loading:
        kept = {name: os.environ.get(name) for name in names}
        constants = sys.modules.get("huggingface_hub.constants")
        was = getattr(constants, names[0], None)
        silent = logging.NullHandler()
        logging.getLogger().addHandler(silent)
        os.environ.update(dict.fromkeys(names, "1"))
        if constants is not None:
            setattr(constants, names[0], True)
        try:
            yield
        finally:
            logging.getLogger().removeHandler(silent)
            if constants is not None:
                setattr(constants, names[0], was)
            for name, value in kept.items():
                if value is None:
                    del os.environ[name]
                else:
                    os.environ[name] = value


def _short(cause: BaseException) -> str:
    """The first lines of an error: torch lists every layer that does not fit."""
    text = " ".join(str(cause).split())
    return f"{type(cause).__name__}: {text[:200]}{'...' if len(text) > 200 else ''}"
