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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from continuity.backends.clip_checkpoint import EXTRA, Checkpoint, open_clip, short
from continuity.backends.sessions import threads
from continuity.errors import ContinuityError, MissingDependency, MissingWeights, ModelError, UsageError
from continuity.installs import require
from continuity.records import ModelCard

log = logging.getLogger(__name__)

ROLE = "look"
UNKNOWN = "unknown: given by you"
BATCH = 16

_loading = threading.RLock()  # what is changed while a model loads belongs to the whole process


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
        self._found = Checkpoint(self.model, self.checkpoint)
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
                role=ROLE, name=name, digest=self._found.digest, licence=self.licence, commercial=self.commercial
            ),
        )

    @property
    def space(self) -> str:
        """``clip-`` and a digest over checkpoint, architecture and preparation.

        Raises:
            MissingWeights, MissingDependency: the checkpoint or open_clip is not there.
            UsageError: open_clip knows no such model.
        """
        library = open_clip()
        parts = [self._found.digest, self._found.architecture(library), self._found.overrides(library)]
        return f"clip-{hashlib.blake2b(json.dumps(parts, sort_keys=True).encode(), digest_size=8).hexdigest()}"

    @property
    def provider(self) -> str:
        """Where the model runs: ``cuda`` or ``cpu``."""
        open_clip()
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
        path = self._found.path
        key = (self.space, os.getpid())  # a forked child loads its own
        if self._loaded is not None and self._loaded[0] == key:
            return self._loaded[1]
        library, device = open_clip(), self.provider
        try:
            with _closed_off():
                net, _, prepare = library.create_model_and_transforms(
                    self.model,
                    pretrained=str(path),
                    device=device,
                    pretrained_image=False,
                    pretrained_text=False,
                    **self._found.overrides(library),
                )
        except Exception as cause:  # a file that is no checkpoint makes torch raise anything
            raise ModelError(
                f"the checkpoint {path} cannot be loaded as {self.model} ({short(cause)}): "
                "it is damaged, or belongs to another model"
            ) from cause
        net.eval()
        self._loaded = (key, _Model(net, prepare, device))
        log.info("%s from %s runs on %s", self.model, path, device)
        return self._loaded[1]

    def _tokens(self) -> Any:
        """The tokenizer: open_clip's own, or (SigLIP and others) one that comes from a hub, if it is here already."""
        library = open_clip()
        name = self._found.architecture(library)["text_cfg"].get("hf_tokenizer_name")
        try:
            with _closed_off():
                return library.get_tokenizer(self.model)
        except ImportError as cause:
            raise MissingDependency(
                f"the package transformers was wanted for the tokenizer of {self.model} ({short(cause)}): "
                "pip install transformers"
            ) from cause
        except Exception as cause:
            raise MissingWeights(
                f"the tokenizer {name} of the look model {self.model} is not in the local cache ({short(cause)}), and "
                "nothing is downloaded from here: fetch it yourself, or leave the texts out"
            ) from cause


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
