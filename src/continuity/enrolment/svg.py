"""SVG artwork -> PNG, in a process of its own: what somebody sent must open nothing, reach nothing and end.

A document is looked through first and refused for a DOCTYPE (entities), for any reference that leaves it, and for what
would be drawn differently elsewhere (text without its font). What drawing may take is limited by the operating system,
since nested ``use`` elements and filters can ask for anything.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from xml.parsers import expat

from continuity.errors import EnrolmentError, MissingDependency
from continuity.media.files import shown

LARGEST = 4 << 20  # bytes of a document
ELEMENTS = 50_000
SECONDS = 20  # of drawing
MEMORY = 2 << 30  # bytes of address space while drawing
LONGEST = 16.0  # of one side over the other

_LOCAL = re.compile(r"\s*(#|data:image/(png|jpeg|webp|gif)[;,])", re.IGNORECASE)
_AWAY = re.compile(r"url\((?!\s*['\"]?\s*#)|@import|\\", re.IGNORECASE)  # a backslash can spell url in CSS
_DRAWN_ELSEWHERE = {"text", "foreignObject"}
_DRAW = """
import resource, sys
from resvg_py import svg_to_bytes
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
sys.stdout.buffer.write(svg_to_bytes(svg_string=sys.stdin.read(), skip_system_fonts=True, {size}))
"""


def is_svg(content: bytes) -> bool:
    """Whether a file looks like XML, the only thing here that begins with ``<``; also in UTF-16."""
    return content[:256].lstrip(b"\xef\xbb\xbf\xff\xfe \t\r\n\0").startswith(b"<")


def drawn(content: bytes, path: str | os.PathLike[str], side: int) -> bytes:
    """A PNG of an SVG document, its longer side ``side`` px. Fonts are not looked up.

    Raises:
        EnrolmentError: no SVG, or one that is refused (see above), or that takes too much to draw.
        MissingDependency: resvg_py is not installed.
    """
    from importlib.util import find_spec

    if find_spec("resvg_py") is None:
        raise MissingDependency("resvg_py was wanted to draw SVG artwork, it is not installed: pip install resvg-py")
    if len(content) > LARGEST:
        raise _refused(path, f"it has {len(content)} bytes, at most {LARGEST} are read")
    width, height = _looked_through(content, path)
    size = f"width={side}" if width >= height else f"height={side}"
    code = _DRAW.format(memory=MEMORY, seconds=SECONDS, size=size)
    text = content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", "strict")
    try:
        done = subprocess.run(  # noqa: S603  (our own interpreter and words)
            [sys.executable, "-I", "-c", code],
            input=text.encode(),
            capture_output=True,
            timeout=SECONDS,
            env={"PYTHONUTF8": "1"},
        )
    except subprocess.TimeoutExpired:
        raise _refused(path, f"drawing it takes more than {SECONDS} s") from None
    if done.returncode or not done.stdout:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        raise _refused(path, f"it could not be drawn ({said[-1] if said else f'ended with {done.returncode}'})")
    return done.stdout


def _looked_through(content: bytes, path: str | os.PathLike[str]) -> tuple[float, float]:
    """Width and height of the drawing in its own units, after everything in it was looked at."""
    sizes: list[tuple[float, float]] = []
    elements = 0
    style: list[str] = []

    def doctype(*_: object) -> None:
        raise _refused(path, "it has a DOCTYPE, which can hold entities")

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal elements
        elements += 1
        local = name.rsplit(":", 1)[-1]
        if elements == 1:
            if local != "svg":
                raise _refused(path, f"its root is {local!r}, no svg element")
            sizes.append(_size(attributes, path))
        if elements > ELEMENTS:
            raise _refused(path, f"it has more than {ELEMENTS} elements")
        if local in _DRAWN_ELSEWHERE:
            raise _refused(path, f"it has a {local} element, which looks different with other fonts: convert to paths")
        for key, value in attributes.items():
            if key.rsplit(":", 1)[-1] == "href" and not _LOCAL.match(value):
                raise _refused(path, f"it refers to {value[:80]!r}, outside itself")
            if key != "d" and not key.endswith("href") and _AWAY.search(value):
                raise _refused(path, f"its {key} refers to {value[:80]!r}, outside itself")
        if local == "style":
            style.append("")

    def words(text: str) -> None:
        if style:
            style[-1] += text

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = doctype
    parser.StartElementHandler = start
    parser.CharacterDataHandler = words
    try:
        parser.Parse(content, True)
        content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig")
    except expat.ExpatError as cause:
        raise _refused(path, f"it is no well-formed XML: {cause}") from None
    except UnicodeDecodeError:
        raise _refused(path, "it is neither UTF-8 nor UTF-16") from None
    if any(_AWAY.search(s) for s in style):
        raise _refused(path, "its style refers to something outside itself")
    return sizes[0]


def _size(attributes: dict[str, str], path: str | os.PathLike[str]) -> tuple[float, float]:
    box = re.split(r"[\s,]+", attributes.get("viewBox", "").strip())
    both = [attributes.get("width", ""), attributes.get("height", "")]
    if any(not b or b.endswith("%") for b in both) and len(box) == 4:
        both = box[2:]
    try:
        width, height = (float(re.sub(r"(px|pt|pc|mm|cm|in)$", "", b.strip())) for b in both)
    except ValueError:
        raise _refused(path, "it has neither width and height nor a viewBox") from None
    if not (width > 0 and height > 0 and max(width, height) / min(width, height) <= LONGEST):
        raise _refused(path, f"its size is {width:g} x {height:g}, sides up to {LONGEST:g} : 1 are drawn")
    return width, height


def _refused(path: str | os.PathLike[str], why: str) -> EnrolmentError:
    return EnrolmentError(f"a plain SVG was wanted, {shown(path)} is refused: {why}; export it plain, or as PNG")
