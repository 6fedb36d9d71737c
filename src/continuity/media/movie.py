"""Movie files through PyAV: opened, counted and decoded one frame at a time."""

from __future__ import annotations

import contextlib
import os
from bisect import bisect_left
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from continuity.errors import ContinuityError, MediaError
from continuity.media.colour import colour_of, display_matrix, to_srgb, turned
from continuity.media.files import SourceFile, reason, shown, translated
from continuity.media.formats import Format, require_clip_size, suffix_of
from continuity.media.frames import TRANSPARENT, Frame
from continuity.media.restarts import Restarts
from continuity.media.structure import missing_bytes

if TYPE_CHECKING:
    from av import VideoFrame
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

AGAIN = "render, copy or export it again"
_DEMUXERS = {Format.MP4: "mov", Format.MATROSKA: "matroska"}
_THREADS = min(4, os.cpu_count() or 1)  # each decoding thread holds frames: more would cost memory, not time


@dataclass(frozen=True, slots=True)
class _Segment:
    """Consecutive packets that can be decoded without any other, and the sorted time stamps of the frames they show."""

    packets: int
    times: tuple[int, ...]


class Movie:
    """One movie file: what it holds is found by reading all packets once, without decoding them.

    The packets are the truth and the container's count a claim. Frames are told apart by time stamp, so a sampled frame
    is the same one whether the clip is decoded from its start or from a later restart.

    Raises:
        MediaError: damaged, cut short, without video, or too large.
    """

    def __init__(self, source: SourceFile, kind: Format) -> None:
        self.source = source
        self._kind = kind
        with translated("read", source.path, AGAIN):
            with source.open() as file:
                missing = missing_bytes(file, kind)
            if missing:
                raise MediaError(
                    f"cannot read {shown(source.path)}: it is cut short, the last {missing} bytes are missing; {AGAIN}"
                )
            with self._opened() as (container, stream):
                require_clip_size(source.path, stream.codec_context.width, stream.codec_context.height)
                self._time_base = stream.time_base or Fraction(1, 1000)
                self._segments, self._end = _segments(container, stream, source.path)
                declared, average = stream.frames, stream.average_rate and _broadcast(stream.average_rate)
                self._notes = _stream_notes(container, stream)
            self._look_at_first()
            self._times = [time for segment in self._segments for time in segment.times]
            self._numbers = {time: index for index, time in enumerate(self._times)}
        self.frame_count = len(self._times)
        self.starts: NDArray[np.float64] | None = None  # when each comes on the screen and the last goes, if it varies
        if declared and declared != self.frame_count:
            self._notes.append(f"the container declares {declared} frames, {self.frame_count} are shown")
        self.rate = self._measure_rate(average)
        self.seconds = float(self.frame_count / self.rate if self.starts is None else self.starts[-1])

    @property
    def path(self) -> Path | None:
        """The file."""
        return self.source.path

    @property
    def suffix(self) -> str:
        """``.mp4``, ``.mov``, ``.mkv`` and so on."""
        return suffix_of(self._kind, self.source.path)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was assumed about colour, rate and completeness."""
        return tuple(self._notes)

    @property
    def digest(self) -> str:
        """Digest of the file's bytes."""
        return self.source.digest

    def save(self, target: Path) -> None:
        """Copy the file."""
        self.source.copy(target)

    def decode(self, indices: Sequence[int]) -> Iterator[Frame]:
        """Yield the frames at ``indices`` (ascending), decoding only segments that hold one of them."""
        from av.video.reformatter import VideoReformatter

        wanted = {self._times[index] for index in indices}
        reformatter = VideoReformatter()
        with self._opened() as (container, stream):
            packets = _packets(container, stream)
            for segment in self._segments:
                pending = deque(time for time in segment.times if time in wanted)
                chunk = islice(packets, segment.packets)
                if pending:
                    with contextlib.closing(self._decoded(stream, chunk, pending)) as frames:
                        for frame in frames:
                            if pending and frame.pts == pending[0]:
                                yield self._measured(frame, self._numbers[pending.popleft()], reformatter)
                            if not pending:
                                break
                    if pending:
                        raise self._broken(self._numbers[pending[0]], "the decoder gave no such frame")
                    wanted.difference_update(segment.times)
                    if not wanted:
                        return
                    stream.codec_context.flush_buffers()
                with translated("read", self.source.path, AGAIN):
                    deque(chunk, maxlen=0)

    def _decoded(
        self, stream: VideoStream, packets: Iterable[Packet[VideoStream]], pending: Sequence[int]
    ) -> Generator[VideoFrame]:
        """Yield all frames of a segment; damage before a wanted one is an error, since later frames build on it."""
        try:
            for packet in packets:
                yield from map(self._sound, stream.decode(packet))
            yield from map(self._sound, stream.decode(None))
        except ContinuityError:
            raise
        except Exception as error:
            index = self._numbers[pending[0]] if pending else self.frame_count - 1
            raise self._broken(index, reason(error)) from error

    def _sound(self, frame: VideoFrame) -> VideoFrame:
        if frame.is_corrupt:
            raise self._broken(self._numbers.get(frame.pts or 0, 0), "damaged picture")
        return frame

    def _measured(self, frame: VideoFrame, index: int, reformatter: object) -> Frame:
        if (frame.width, frame.height) != self._stored_size:
            raise self._broken(index, f"its size changes to {frame.width}x{frame.height}")
        with translated("read", self.source.path, AGAIN):
            pixels, transparent = to_srgb(frame, self._colour, reformatter)  # type: ignore[arg-type]
        if transparent and TRANSPARENT not in self._notes:
            self._notes.append(TRANSPARENT)
        seconds = float((self._times[index] - self._times[0]) * self._time_base)
        return Frame(index, seconds, turned(pixels, self._turn))

    def _broken(self, index: int, cause: str) -> MediaError:
        return MediaError(
            f"cannot read {shown(self.source.path)}: it breaks at or before frame {index} ({cause}); {AGAIN}"
        )

    @contextlib.contextmanager
    def _opened(self) -> Iterator[tuple[InputContainer, VideoStream]]:
        """Open container and video stream. libav is given an open file and the demuxer's name.

        So it interprets no path as a protocol, guesses no playlist, and opens no connection. It logs nothing: PyAV's
        default, which is left alone because a program that turned the log on wants it.
        """
        import av

        with self.source.open() as file, contextlib.ExitStack() as stack:
            with translated("read", self.source.path, AGAIN):
                container = stack.enter_context(
                    av.open(file, "r", format=_DEMUXERS[self._kind], metadata_errors="replace", buffer_size=1 << 18)
                )
                stream = next(iter(_pictures(container)), None)
                if stream is None:
                    raise MediaError(
                        f"cannot read {shown(self.source.path)}: it has no video that can be decoded; "
                        "give a clip in a common codec such as H.264"
                    )
                stream.thread_type = "AUTO"
                stream.codec_context.thread_count = _THREADS
                stream.codec_context.options = {"err_detect": "crccheck+explode"}  # damage is an error, not concealed
            yield container, stream

    def _look_at_first(self) -> None:
        """Decode the first frame: size, colour and orientation as the decoder sees them, which headers may not say."""
        with self._opened() as (container, stream):
            first = next((frame for packet in container.demux(stream) for frame in stream.decode(packet)), None)
            if first is None or first.pts is None:
                raise MediaError(f"cannot read {shown(self.source.path)}: no frame of it can be decoded; {AGAIN}")
            self._stored_size = first.width, first.height
            self._turn, said = display_matrix(first)
            self._notes += said
            self._colour = colour_of(first, self.source.path)
            self._notes += self._colour.notes
            start = first.pts
        require_clip_size(self.source.path, *self._stored_size)
        width, height = self._stored_size
        self.size = (height, width) if self._turn is not None and self._turn[0] == 0 else (width, height)
        head = self._segments[0]
        lost = bisect_left(head.times, start)
        if lost:
            self._segments[0] = replace(head, times=head.times[lost:])
            self._notes.append(
                f"the first {lost} frames build on frames before the start of the file and are not shown"
            )

    def _measure_rate(self, average: Fraction | None) -> Fraction:
        """Return the mean frame rate, the container's where the time stamps bear it out, and note a varying one."""
        if len(self._times) < 2:
            return average if average and average > 0 else Fraction(24)
        gaps = [after - before for before, after in pairwise(self._times)]
        usual = sorted(gaps)[len(gaps) // 2]
        shown = [*gaps, max(self._end - self._times[-1], usual)]
        if max(shown) - min(shown) > max(2, usual // 10):  # containers round time stamps by one tick either way
            low, high = (float(1 / (gap * self._time_base)) for gap in (max(shown), min(shown)))
            self._notes.append(f"variable frame rate: {low:.3g} to {high:.3g} frames a second")
            self.starts = np.concatenate([[0], np.cumsum(shown, dtype=np.float64)]) * float(self._time_base)
        measured = 1 / (Fraction(sum(gaps), len(gaps)) * self._time_base)
        tick = Fraction(1, sum(gaps))  # of two or three frames it is much: 30 a second are stamped 0 and 33 ms
        if average and abs(average / measured - 1) < max(Fraction(1, 100), min(tick, Fraction(1, 10))):
            return average
        return measured


def _broadcast(rate: Fraction) -> Fraction:
    """A rate that is one of n * 1000 / 1001 a second to a millionth as just that one.

    Matroska holds the nanoseconds of a frame, and libav makes of them a fraction of small numbers: 60000/1001 came back
    as 19001/317.
    """
    exact = Fraction(round(rate * 1001 / 1000) * 1000, 1001)
    return exact if abs(rate - exact) < rate / 10**6 else rate


def _pictures(container: InputContainer) -> Iterator[VideoStream]:
    """Yield the video streams that can be decoded and are not cover art."""
    from av.stream import Disposition

    return (
        stream
        for stream in container.streams.video
        if not stream.disposition & Disposition.attached_pic
        and getattr(stream, "codec_context", None) is not None  # an unknown codec has none
    )


def _stream_notes(container: InputContainer, stream: VideoStream) -> list[str]:
    notes = []
    if (count := sum(1 for _ in _pictures(container))) > 1:
        notes.append(f"{count} video streams: the first is measured")
    aspect = stream.sample_aspect_ratio
    if aspect and aspect != 1:
        notes.append(f"pixels are not square ({aspect.numerator}:{aspect.denominator}): measured as stored")
    return notes


def _packets(container: InputContainer, stream: VideoStream) -> Iterator[Packet[VideoStream]]:
    """Yield the packets of a stream in decoding order, without the empty one by which PyAV marks the end."""
    return (packet for packet in container.demux(stream) if packet.size)


def _segments(container: InputContainer, stream: VideoStream, path: Path) -> tuple[list[_Segment], int]:
    """Read all packets and divide them at the restarts; one segment where none can be proved.

    Returns also when the last frame goes, 0 where nothing says so: the end of a clip has no time stamp of its own, and
    where pictures are stored in another order than shown a duration is that of its place, not of its picture.
    """
    restarts = Restarts(stream)
    counts: list[int] = []
    times: list[list[int]] = []
    end = 0
    for packet in _packets(container, stream):
        if packet.is_corrupt:
            raise MediaError(f"cannot read {shown(path)}: it is cut short or damaged at packet {sum(counts)}; {AGAIN}")
        if not counts or restarts.at(packet):
            counts.append(0)
            times.append([])
        counts[-1] += 1
        if _is_shown(packet, stream):
            if packet.pts is None:
                raise MediaError(f"cannot read {shown(path)}: packet {sum(counts)} has no time stamp; {AGAIN}")
            times[-1].append(packet.pts)
            end = packet.pts + (packet.duration or 0)
    every = [time for group in times for time in group]
    if not every:
        raise MediaError(f"cannot read {shown(path)}: it holds no frames; {AGAIN}")
    if len(set(every)) != len(every):
        raise MediaError(f"cannot read {shown(path)}: several of its frames have the same time stamp; {AGAIN}")
    if every != sorted(every):
        end = 0
    if stream.duration:
        end = max(end, (stream.start_time or 0) + stream.duration)
    groups = [sorted(group) for group in times]
    flat = [time for group in groups for time in group]
    if not restarts.provable or flat != sorted(flat):
        return [_Segment(sum(counts), tuple(sorted(flat)))], end
    return [_Segment(count, tuple(group)) for count, group in zip(counts, groups, strict=True)], end


def _is_shown(packet: Packet[VideoStream], stream: VideoStream) -> bool:
    """Whether a packet becomes a frame to see: not one before an edit's start, nor a hidden reference of VP8.

    VP8's show_frame is bit 4 of the first byte (RFC 6386, 9.1); other codecs put hidden frames with a shown one.
    """
    if packet.is_discard:
        return False
    return not (stream.codec_context.name == "vp8" and not bytes(packet)[0] & 0x10)
