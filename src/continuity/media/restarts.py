"""Packets from which decoding may begin without a trace of what came before: shown from the bitstream, not by flags.

Containers flag a packet as a key frame also where decoding from it merely looks right enough (open groups, gradual
refresh), so the flag alone proves nothing. Proof is a codec whose every frame stands alone, or an instantaneous decoder
refresh (IDR) of H.264 or H.265, as ITU-T defines it, in a file whose parameter sets are all in its header. Everywhere
else a clip is decoded from its beginning.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.stream import VideoStream

_EACH_FRAME_ALONE = frozenset({"prores", "mjpeg", "dnxhd", "png", "rawvideo", "v210"})
_PARAMETER_SETS = {"h264": {7, 8}, "hevc": {32, 33, 34}}
_REFRESHES = {"h264": {5}, "hevc": {19, 20}}


class Restarts:
    """Tells for each packet of one stream, in order, whether decoding may begin there.

    ``provable`` turns False for good when the stream carries parameter sets between its pictures: skipping a packet
    could then skip what a later one needs.
    """

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        self._codec = context.name
        header = context.extradata or b""
        self._prefix = 0  # bytes that give the length of each unit; 0 where units are not length-prefixed
        if header[:1] == b"\1" and self._codec == "h264" and len(header) > 4:
            self._prefix = (header[4] & 3) + 1
        elif header[:1] == b"\1" and self._codec == "hevc" and len(header) > 21:
            self._prefix = (header[21] & 3) + 1
        self.provable = self._codec in _EACH_FRAME_ALONE or self._prefix > 0

    def at(self, packet: Packet[VideoStream]) -> bool:
        """Whether decoding may begin at this packet."""
        if not self.provable or self._codec in _EACH_FRAME_ALONE:
            return self.provable
        types = set(self._units(bytes(packet)))
        if types & _PARAMETER_SETS[self._codec]:
            self.provable = False
        return bool(types & _REFRESHES[self._codec])

    def _units(self, content: bytes) -> Iterator[int]:
        position = 0
        while position + self._prefix < len(content):
            start = position + self._prefix
            length = int.from_bytes(content[position:start], "big")
            yield content[start] & 31 if self._codec == "h264" else content[start] >> 1 & 63
            position = start + length
