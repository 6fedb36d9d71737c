"""What a render reads besides its recipe: start and end frames, masks, control video, references, adapter files."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from continuity.errors import UsageError


@dataclass(frozen=True, slots=True, kw_only=True)
class InputMedium:
    """Bytes that a render reads, named by their SHA-256; either in memory or in a file that may be large.

    ``suffix`` says how to read them: ``.png`` and ``.npy`` for a picture or array, ``.zip`` for several of them in
    order, else the suffix of the file.
    """

    digest: str  # 64 hexadecimal digits
    suffix: str
    path: Path | None = None
    data: bytes | None = None

    def __post_init__(self) -> None:
        if (self.path is None) == (self.data is None):
            raise UsageError("an input medium is a path or bytes, got both or neither")

    @classmethod
    def of_bytes(cls, data: bytes, suffix: str) -> InputMedium:
        """An input that lies in memory."""
        return cls(digest=hashlib.sha256(data).hexdigest(), suffix=suffix, data=data)

    @classmethod
    def of_file(cls, path: Path) -> InputMedium:
        """An input that lies in a file; reads it once, in pieces.

        Raises:
            UsageError: it cannot be read.
        """
        try:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError as cause:
            raise UsageError(f"an input file was wanted, {path} cannot be read: {cause.strerror or cause}") from cause
        return cls(digest=digest, suffix=path.suffix, path=path)

    def read(self) -> bytes:
        """All its bytes.

        Raises:
            UsageError: the file cannot be read any more.
        """
        if self.path is None:
            return self.data or b""
        try:
            return self.path.read_bytes()
        except OSError as cause:
            why = cause.strerror or cause
            raise UsageError(f"an input file was wanted, {self.path} cannot be read: {why}") from cause
