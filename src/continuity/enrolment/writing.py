"""Writing an identity folder, whole or not at all."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from continuity.errors import EnrolmentError
from continuity.identity import FILE, FORMAT, Identity
from continuity.media import write_atomic


class Source(Protocol):
    """A file that was enrolled."""

    def source_bytes(self) -> bytes:
        """The untouched file."""


def write(target: Path, identity: Identity, pictures: Mapping[str, Source]) -> None:
    """Writes the folder so that a reader, and a kill -9 at any moment, finds the old identity or the new one.

    A new folder is built beside its place and renamed. In one that is there, every file is named by its digest, so new
    ones lie beside old ones until identity.toml is replaced; what it no longer names is removed after that.
    """
    target = target.resolve()
    try:
        if (target / FILE).exists():
            _fill(target, identity, pictures)
            return
        made = Path(tempfile.mkdtemp(prefix=f".{target.name}.", dir=target.parent))  # for its owner alone: biometric
        try:
            _fill(made, identity, pictures)
            made.rename(target)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    except OSError as cause:
        raise EnrolmentError(f"the identity could not be written to {target}: {cause}") from cause


def _fill(folder: Path, identity: Identity, pictures: Mapping[str, Source]) -> None:
    import tomli_w
    from safetensors.numpy import save

    table: dict[str, Any] = {"format": FORMAT, "name": identity.name, "warnings": list(identity.warnings)}
    files: dict[str, bytes] = {}
    for enrolled in identity.enrolled:
        rows = [
            {"path": r.path, "digest": r.digest, "source": r.source}
            | ({"colorspace": r.colorspace} if r.colorspace else {})
            for r in enrolled.references
        ]
        texts = {"texts": list(enrolled.texts)} if enrolled.texts else {}
        table.setdefault(enrolled.kind, []).append({"name": enrolled.name, "reference": rows, **texts})
        files |= {r.path: pictures[r.digest].source_bytes() for r in enrolled.references}
    table["features"] = []
    for space in sorted(identity.stored_features):
        stored = save({k: np.ascontiguousarray(v) for k, v in identity.features(space).items()})
        digest = hashlib.blake2b(stored, digest_size=32).hexdigest()
        files[f"features/{digest}.safetensors"] = stored
        table["features"].append({"space": space, "path": f"features/{digest}.safetensors", "digest": digest})
    for part in ("references", "features"):
        (folder / part).mkdir(exist_ok=True)
    for path, content in files.items():
        there = folder / path
        if not there.is_file() or there.read_bytes() != content:  # named by digest, but it may have been damaged since
            write_atomic(there, content)
    write_atomic(folder / FILE, tomli_w.dumps(table).encode())
    for part in ("references", "features"):
        for file in (folder / part).iterdir():
            if f"{part}/{file.name}" not in files:
                file.unlink()
