from __future__ import annotations

import gc
import itertools
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from continuity.errors import MediaError
from continuity.media import Clip, Frame, Sampling, open_media
from continuity.media.colour import colour_of, to_srgb

ALL = Sampling(per_second=1000)


def opened(path: Path) -> Clip:
    clip = open_media(path)
    assert isinstance(clip, Clip)
    return clip


def number(frame: Frame) -> int:
    """The number that ``counted`` wrote into the left half."""
    return round(float(np.median(frame.pixels[:, : frame.pixels.shape[1] // 4, 1])) / 4)


def linear(path: Path) -> list[np.ndarray]:
    """All frames by PyAV's own loop on one thread, from the first packet to the last."""
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
    colour = colour_of(frames[0], path)
    return [to_srgb(frame, colour, VideoReformatter())[0] for frame in frames]


# -- colour -----------------------------------------------------------------------------------------------------------

BT709 = {"colorspace": 1, "color_primaries": 1, "color_trc": 1}
BT601 = {"colorspace": 6, "color_primaries": 6, "color_trc": 6}
BT470 = {"colorspace": 5, "color_primaries": 5, "color_trc": 6}
BT2020 = {"colorspace": 9, "color_primaries": 9, "color_trc": 14}
LIMITED, FULL = {"color_range": 1}, {"color_range": 2}


@pytest.mark.parametrize("pix_fmt", ["yuv420p", "yuv422p", "yuv444p", "yuv420p10le", "yuv422p10le"])
@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".mov"])
@pytest.mark.parametrize(
    "standard, tags, full",
    [
        ("709", BT709 | LIMITED, False), ("601", BT601 | LIMITED, False), ("601", BT470 | LIMITED, False),
        ("709", BT709 | FULL, True), ("601", BT601 | FULL, True), ("2020", BT2020 | LIMITED, False),
    ],
)  # fmt: skip
def test_tagged_bars(
    tmp_path: Path, make: Any, pix_fmt: str, suffix: str, standard: str, tags: dict[str, int], full: bool
) -> None:
    picture = make.bars(256, 64)
    frames = [make.planar(picture, pix_fmt, standard, full=full) for _ in range(3)]
    path = make.encode(tmp_path / f"a{suffix}", frames, pix_fmt=pix_fmt, options={"qp": "0"}, tags=tags)
    clip = opened(path)
    assert [n for n in clip.notes if "untagged" in n] == []
    assert any("BT.2020" in n for n in clip.notes) is (standard == "2020")
    seen = [make.interiors(frame.pixels).astype(int) for frame in clip.frames()]
    assert len(seen) == 3
    for one in seen:
        assert np.abs(one - make.BARS).max() <= 2


@pytest.mark.parametrize("height, standard", [(704, "601"), (720, "709"), (1080, "709"), (240, "601")])
def test_untagged_bars_are_read_by_their_lines(tmp_path: Path, make: Any, height: int, standard: str) -> None:
    path = make.encode(
        tmp_path / "a.mp4",
        [make.planar(make.bars(256, height), "yuv420p", standard, full=False)],
        options={"qp": "0", "preset": "ultrafast"},
    )
    clip = opened(path)
    assert clip.notes == (f"untagged colour read as BT.{standard}, limited range ({height} lines)",)
    (frame,) = clip.frames()
    assert np.abs(make.interiors(frame.pixels).astype(int) - make.BARS).max() <= 2


def test_the_bars_tell_the_standards_apart(tmp_path: Path, make: Any) -> None:
    frame = make.planar(make.bars(256, 64), "yuv420p", "601", full=False)
    path = make.encode(tmp_path / "a.mp4", [frame], options={"qp": "0"}, tags=BT709 | LIMITED)
    (seen,) = opened(path).frames()
    assert np.abs(make.interiors(seen.pixels).astype(int) - make.BARS).max() > 15


@pytest.mark.parametrize("codec, pix_fmt", [("ffv1", "yuv444p"), ("ffv1", "yuv420p10le"), ("libvpx-vp9", "yuv420p")])
def test_other_codecs_keep_colour_too(tmp_path: Path, make: Any, codec: str, pix_fmt: str) -> None:
    options = {"lossless": "1"} if codec.startswith("libvpx") else {"level": "3"}
    frame = make.planar(make.bars(256, 64), pix_fmt, "709", full=False)
    path = make.encode(tmp_path / "a.mkv", [frame], codec=codec, pix_fmt=pix_fmt, options=options, tags=BT709 | LIMITED)
    (seen,) = opened(path).frames()
    assert np.abs(make.interiors(seen.pixels).astype(int) - make.BARS).max() <= 2


def test_jpeg_formats_are_full_range_without_a_tag(tmp_path: Path, make: Any) -> None:
    frame = make.planar(make.bars(256, 64), "yuvj444p", "601", full=True)
    path = make.encode(
        tmp_path / "a.mov", [frame], codec="mjpeg", pix_fmt="yuvj444p", options={"qmin": "1", "qscale": "1"}
    )
    (seen,) = opened(path).frames()
    assert np.abs(make.interiors(seen.pixels).astype(int) - make.BARS)[4:-4].max() <= 8


def test_rgb_movies_need_no_assumption(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mkv", [make.bars(256, 64)], codec="ffv1", pix_fmt="bgr0")
    clip = opened(path)
    assert clip.notes == ()
    (frame,) = clip.frames()
    assert (frame.pixels == make.bars(256, 64)).all()


def test_hdr_is_said(tmp_path: Path, make: Any) -> None:
    tags = {"colorspace": 9, "color_primaries": 9, "color_trc": 16, "color_range": 1}
    frame = make.planar(make.bars(256, 64), "yuv420p10le", "2020", full=False)
    path = make.encode(tmp_path / "a.mp4", [frame], pix_fmt="yuv420p10le", options={"qp": "0"}, tags=tags)
    assert any("PQ (HDR10) is not tone mapped" in note for note in opened(path).notes)


def test_a_matrix_that_is_not_read_is_refused(tmp_path: Path, make: Any) -> None:
    frame = make.planar(make.bars(256, 64), "yuv444p", "709", full=False)
    path = make.encode(tmp_path / "a.mkv", [frame], codec="ffv1", pix_fmt="yuv444p", tags={"colorspace": 8})
    with pytest.raises(MediaError, match=r"matrix 8 of ITU-T H\.273"):
        open_media(path)


def test_transparent_movies_show_middle_grey(tmp_path: Path, make: Any) -> None:
    from continuity.media.frames import MATTE

    frames = [
        av.VideoFrame.from_ndarray(np.dstack([make.bars(256, 64), np.full((64, 256), a, np.uint8)]), format="rgba")
        for a in (255, 0)
    ]
    path = make.encode(tmp_path / "a.mov", frames, codec="png", pix_fmt="rgba")
    clip = opened(path)
    first, second = (frame.pixels for frame in clip.frames())
    assert (first == make.bars(256, 64)).all() and (second == MATTE).all()
    assert any("transparent" in note for note in clip.notes)


# -- orientation ------------------------------------------------------------------------------------------------------


ONE = 1 << 16
TURNS = [
    (a, b, c, d)
    for a, b, c, d in itertools.product((-ONE, 0, ONE), repeat=4)
    if abs(a * d - b * c) == ONE * ONE and a * b == 0 == c * d
]


@pytest.mark.parametrize("turn", TURNS)
def test_the_display_matrix_is_respected(tmp_path: Path, make: Any, turn: tuple[int, int, int, int]) -> None:
    a, b, c, d = turn
    stored = np.full((48, 96, 3), 40, np.uint8)
    stored[:24, :48], stored[:24, 48:] = 220, 120  # no two of the eight turns look alike
    path = make.encode(tmp_path / "a.mp4", [stored], options={"qp": "0"}, matrix=(a, b, 0, c, d, 0, 0, 0, 1 << 30))
    clip = opened(path)
    (frame,) = clip.frames()
    # QuickTime File Format, "Matrices": x' = a x + c y, y' = b x + d y, then moved so that it starts at 0.
    y, x = np.mgrid[:48, :96]
    across, down = (a * x + c * y) // ONE, (b * x + d * y) // ONE
    across, down = across - across.min(), down - down.min()
    shown = np.zeros((down.max() + 1, across.max() + 1, 3), np.uint8)
    shown[down, across] = stored
    assert clip.size == (shown.shape[1], shown.shape[0]) == frame.pixels.shape[1::-1]
    assert np.abs(frame.pixels.astype(int) - shown).max() <= 2
    assert frame.pixels.flags.c_contiguous
    with av.open(str(path)) as container:
        (raw,) = container.decode(video=0)
    if a * d - b * c > 0:  # libavutil's own reading of the matrix, where it is a pure rotation
        assert (shown == np.rot90(stored, round(raw.rotation / 90))).all()


def test_a_display_matrix_of_another_angle_is_noted(tmp_path: Path, make: Any) -> None:
    matrix = (46341, 46341, 0, -46341, 46341, 0, 0, 0, 1 << 30)
    path = make.encode(tmp_path / "a.mp4", make.counted(1), matrix=matrix)
    clip = opened(path)
    assert clip.size == (64, 48) and "turned by other than a quarter: measured as stored" in clip.notes


# -- which frames -----------------------------------------------------------------------------------------------------


CODECS = [
    ("libx264", "a.mp4", "yuv420p", {"crf": "10", "bf": "3", "g": "250", "sc_threshold": "0"}),
    ("libx264", "a.mp4", "yuv420p", {"crf": "10", "bf": "3", "g": "6", "sc_threshold": "0"}),
    ("libx264", "a.mp4", "yuv420p", {"x264-params": "open-gop=1:keyint=6:min-keyint=6:bframes=2:scenecut=0"}),
    ("libx264", "a.mp4", "yuv420p", {"crf": "10", "x264-params": "intra-refresh=1:keyint=6:bframes=0:scenecut=0"}),
    ("libx264", "a.mkv", "yuv420p", {"crf": "10", "bf": "2", "g": "1"}),
    ("libx264", "a.mov", "yuv420p", {"crf": "10", "g": "8", "x264-params": "repeat-headers=1"}),
    ("libx265", "a.mp4", "yuv420p", {"x265-params": "log-level=none:keyint=6:min-keyint=6:open-gop=0:bframes=3"}),
    ("libx265", "a.mp4", "yuv420p", {"x265-params": "log-level=none:keyint=6:min-keyint=6:open-gop=1:bframes=3"}),
    ("libvpx-vp9", "a.webm", "yuv420p", {"crf": "10", "b": "0", "g": "12", "deadline": "realtime", "cpu-used": "8"}),
    ("libvpx", "a.webm", "yuv420p", {"crf": "4", "b": "2M", "auto-alt-ref": "1", "lag-in-frames": "16"}),
    ("prores_ks", "a.mov", "yuv422p10le", {}),
    ("mjpeg", "a.mov", "yuvj420p", {"qscale": "2"}),
    ("ffv1", "a.mkv", "bgr0", {"level": "3", "g": "10"}),
    ("mpeg4", "a.mp4", "yuv420p", {"qscale": "2", "bf": "2", "g": "12"}),
]  # fmt: skip


@pytest.mark.parametrize("codec, name, pix_fmt, options", CODECS, ids=[f"{c[0]}-{i}" for i, c in enumerate(CODECS)])
def test_sampled_frames_are_those_of_a_linear_decode(
    tmp_path: Path, make: Any, codec: str, name: str, pix_fmt: str, options: dict[str, str]
) -> None:
    frames = make.counted(60)
    path = make.encode(tmp_path / name, frames, codec=codec, pix_fmt=pix_fmt, options=options)
    clip = opened(path)
    assert clip.frame_count == 60 and clip.rate == 24 and clip.seconds == 2.5
    every = {frame.index: frame for frame in clip.frames(ALL)}
    assert list(every) == list(range(60))
    for (index, frame), truth in zip(every.items(), linear(path), strict=True):
        assert (frame.pixels == truth).all()
        assert abs(frame.seconds - index / 24) < 0.001  # type: ignore[operator]
        assert abs(number(frame) - index) <= 1, index
    for sampling in (Sampling(), Sampling(0, 2), Sampling(0, 5), Sampling(4, 7)):
        chosen = list(clip.frames(sampling))
        assert [frame.index for frame in chosen] == list(sampling.indices(60, Fraction(24)))
        for frame in chosen:
            assert (frame.pixels == every[frame.index].pixels).all(), (sampling, frame.index)
            assert frame.seconds == every[frame.index].seconds


def packets_decoded(clip: Clip, sampling: Sampling, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many packets a decoder is given for a sampling."""
    from continuity.media import movie

    count = 0
    original = movie.Movie._decoded

    def counting(self: Any, stream: Any, packets: Any, pending: Any) -> Any:
        def tapped() -> Any:
            nonlocal count
            for packet in packets:
                count += 1
                yield packet

        return original(self, stream, tapped(), pending)

    with monkeypatch.context() as patch:
        patch.setattr(movie.Movie, "_decoded", counting)
        list(clip.frames(sampling))
    return count


@pytest.mark.parametrize(
    "case, most", [(0, 60), (1, 30), (2, 60), (3, 60), (4, 5), (5, 60), (6, 30), (7, 60), (8, 60), (10, 5), (11, 5)]
)
def test_packets_are_skipped_only_where_that_is_exact(
    tmp_path: Path, make: Any, monkeypatch: pytest.MonkeyPatch, case: int, most: int
) -> None:
    codec, name, pix_fmt, options = CODECS[case]
    path = make.encode(tmp_path / name, make.counted(60), codec=codec, pix_fmt=pix_fmt, options=options)
    decoded = packets_decoded(opened(path), Sampling(0, 5), monkeypatch)
    assert decoded <= most and (most < 60 or decoded >= 56)  # all but what follows the last frame in decoding order


def open_files() -> int:
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_frames_are_decoded_lazily_and_files_closed(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mp4", make.counted(60))
    clip = opened(path)
    before = open_files()
    frames = clip.frames()
    assert open_files() == before
    next(frames)
    frames.close()  # type: ignore[attr-defined]
    list(clip.frames())
    assert open_files() == before


def test_two_readers_of_one_clip_do_not_disturb_each_other(tmp_path: Path, make: Any) -> None:
    clip = opened(make.encode(tmp_path / "a.mp4", make.counted(60)))
    pairs = list(zip(clip.frames(), clip.frames(), strict=True))
    assert all((a.pixels == b.pixels).all() and a.index == b.index for a, b in pairs)


@pytest.mark.parametrize("rate", [Fraction(24000, 1001), 25, Fraction(30000, 1001), Fraction(60000, 1001), 60])
@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.mov"])
def test_frame_rates(tmp_path: Path, make: Any, rate: Fraction | int, name: str) -> None:
    clip = opened(make.encode(tmp_path / name, make.counted(50), rate=rate))
    assert clip.rate == rate and clip.frame_count == 50
    assert abs(clip.seconds - 50 / rate) < 1e-9
    assert not [n for n in clip.notes if "variable" in n]
    assert [f.seconds for f in clip.frames(ALL)] == pytest.approx([float(i / rate) for i in range(50)], abs=0.0011)


def test_a_variable_frame_rate_is_noted_and_seconds_are_true(tmp_path: Path, make: Any) -> None:
    times = [0, 40, 80, 280, 320, 360, 1000, 1040]
    path = make.encode(tmp_path / "a.mkv", make.counted(8), times=times, codec="ffv1", pix_fmt="bgr0", rate=25)
    clip = opened(path)
    assert [f.seconds for f in clip.frames()] == [t / 1000 for t in times]
    assert [n for n in clip.notes if n == "variable frame rate: 1.56 to 25 frames a second"]
    assert clip.seconds == 1.08  # the last one stands as long as most do


@pytest.mark.parametrize("name, options", [("a.mkv", {}), ("a.mp4", {"bf": "0"}), ("a.mp4", {"bf": "3"})])
def test_a_picture_that_stands_is_sampled_as_long_as_it_does(
    tmp_path: Path, make: Any, name: str, options: dict[str, str]
) -> None:
    times = [*range(0, 4000, 40), 9000, *range(9040, 10040, 40)]  # frame 99 stands for five seconds
    codec = {"codec": "ffv1", "pix_fmt": "bgr0"} if name == "a.mkv" else {"options": options}
    clip = opened(make.encode(tmp_path / name, make.counted(len(times)), times=times, rate=25, **codec))
    held = {frame.index: frame.held for frame in clip.frames() if frame.held}
    assert clip.varies and held == {99: pytest.approx([4.5, 5, 5.5, 6, 6.5, 7, 7.5, 8, 8.5])}
    assert {f.index: f.held for f in clip.changed(lambda frame: frame.pixels).frames() if f.held} == held
    assert not any(frame.held for frame in clip.frames(Sampling(per_second=0)))


@pytest.mark.parametrize("bf", ["0", "3"])
def test_the_last_picture_stands_until_the_end(tmp_path: Path, make: Any, bf: str) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"bf": bf, "b-adapt": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv420p"
        stream.codec_context.time_base = Fraction(1, 25)
        for number, pixels in enumerate(itertools.islice(make.counted(50), 50)):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24").reformat(64, 64)
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        *others, last = stream.encode(None)  # in the order they are stored in
        last.duration = round(5 / last.time_base)
        container.mux([*others, last])
    clip = opened(path)
    assert clip.seconds == pytest.approx(1.96 + 5, abs=0.1)
    assert [len(f.held) for f in clip.frames() if f.index == 49] == [10]


def test_a_movie_of_one_frame_is_a_clip_of_one_frame(tmp_path: Path, make: Any) -> None:
    clip = opened(make.encode(tmp_path / "a.mp4", make.counted(1)))
    assert clip.frame_count == 1 and [f.index for f in clip.frames()] == [0]


def test_a_clip_that_starts_late_counts_from_its_first_frame(tmp_path: Path, make: Any) -> None:
    path = make.encode(
        tmp_path / "a.mkv", make.counted(5), times=[500 + 40 * i for i in range(5)], codec="ffv1", pix_fmt="bgr0"
    )
    assert [f.seconds for f in opened(path).frames()] == [0, 0.04, 0.08, 0.12, 0.16]


def test_frames_before_the_start_of_an_edit_are_not_counted(tmp_path: Path, make: Any) -> None:
    whole = make.encode(tmp_path / "whole.mp4", make.counted(20), options={"bf": "0"})
    path = tmp_path / "trimmed.mp4"
    with av.open(str(whole)) as source, av.open(str(path), "w", options={"avoid_negative_ts": "disabled"}) as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for packet in source.demux(video=0):
            if packet.size:
                assert packet.pts is not None and packet.dts is not None
                shift = 5 * 512  # five frames at 1/12288 s: they are stored for the decoder and cut by the edit list
                packet.pts, packet.dts, packet.stream = packet.pts - shift, packet.dts - shift, stream
                target.mux(packet)
    clip = opened(path)
    assert clip.frame_count == 15
    assert [number(frame) for frame in clip.frames(ALL)] == list(range(5, 20))
    assert "the container declares 20 frames, 15 are shown" in clip.notes
    assert not [note for note in clip.notes if "build on" in note]


def test_hidden_reference_frames_of_vp8_are_not_counted(tmp_path: Path, make: Any) -> None:
    options = {"crf": "4", "b": "2M", "g": "100"}
    whole = make.encode(tmp_path / "whole.webm", make.counted(20), codec="libvpx", options=options)
    path = tmp_path / "hidden.webm"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        for index, packet in enumerate(p for p in source.demux(video=0) if p.size):
            data = bytearray(bytes(packet))
            if index == 7:
                data[0] &= ~0x10  # show_frame: decoded, referred to, not shown
            copy: av.Packet[Any] = av.Packet(bytes(data))
            copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
            copy.is_keyframe, copy.stream = packet.is_keyframe, stream
            target.mux(copy)
    clip = opened(path)
    assert clip.frame_count == 19
    assert [number(frame) for frame in clip.frames(ALL)] == [n for n in range(20) if n != 7]


def test_a_clip_cut_between_refreshes_starts_where_it_can_be_decoded(tmp_path: Path, make: Any) -> None:
    options = {"x265-params": "log-level=none:open-gop=1:keyint=10:min-keyint=10:bframes=3:b-adapt=0:scenecut=0"}
    whole = make.encode(tmp_path / "whole.mkv", make.counted(40), codec="libx265", options=options)
    path = tmp_path / "cut.mkv"
    with av.open(str(whole)) as source, av.open(str(path), "w") as target:
        stream = target.add_stream_from_template(source.streams.video[0])
        packets = [packet for packet in source.demux(video=0) if packet.size]
        start = [index for index, packet in enumerate(packets) if packet.is_keyframe][1]
        for packet in packets[start:]:
            packet.stream = stream
            target.mux(packet)
    clip = opened(path)
    (note,) = (n for n in clip.notes if "build on frames before the start" in n)
    lost = int(note.split()[2])
    assert lost > 0 and clip.frame_count == len(packets) - start - lost
    seen = list(clip.frames(ALL))
    assert seen[0].seconds == 0 and [number(f) for f in seen] == list(range(40 - clip.frame_count, 40))


def test_pixels_that_are_not_square_are_noted(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "a.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=24, options={"aud": "0"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.sample_aspect_ratio = Fraction(4, 3)
        container.mux(stream.encode(av.VideoFrame.from_ndarray(make.counted(1)[0], format="rgb24")))
        container.mux(stream.encode(None))
    assert "pixels are not square (4:3): measured as stored" in opened(path).notes


def test_sound_beside_the_picture_is_left_aside_and_sound_alone_refused(tmp_path: Path, make: Any) -> None:
    for name, pictures in (("both.mp4", True), ("sound.mp4", False)):
        with av.open(str(tmp_path / name), "w") as container:
            sound = container.add_stream("aac", rate=44100)
            video = container.add_stream("libx264", rate=24) if pictures else None
            if video is not None:
                video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
                for picture in make.counted(5):
                    container.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
                container.mux(video.encode(None))
            for _ in range(20):
                noise = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
                noise.sample_rate = 44100
                container.mux(sound.encode(noise))
            container.mux(sound.encode(None))
    assert opened(tmp_path / "both.mp4").frame_count == 5
    with pytest.raises(MediaError, match="no video that can be decoded"):
        open_media(tmp_path / "sound.mp4")


def test_the_size_is_limited(tmp_path: Path, make: Any) -> None:
    path = make.encode(
        tmp_path / "a.mkv", [np.zeros((16, 8208, 3), np.uint8)], codec="ffv1", pix_fmt="bgr0", options={"level": "3"}
    )
    with pytest.raises(MediaError, match="8208x16 pixels and the limit for a clip is 8192x8192"):
        open_media(path)


# -- saving -----------------------------------------------------------------------------------------------------------


def test_a_movie_is_saved_untouched_under_its_own_suffix(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mp4", make.counted(5))
    clip = opened(path)
    clip.save(tmp_path / "b.mp4")
    assert (tmp_path / "b.mp4").read_bytes() == path.read_bytes()
    assert opened(tmp_path / "b.mp4").digest == clip.digest
    assert clip.suffix == ".mp4" and clip.path == path
    for wrong in ("b.mov", "b.png", "b"):
        with pytest.raises(MediaError, match=r"it is a \.mp4 file"):
            clip.save(tmp_path / wrong)


def test_a_movie_that_changed_is_refused(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mp4", make.counted(5))
    clip = opened(path)
    make.encode(path, make.counted(6))
    for look in (lambda: list(clip.frames()), lambda: clip.save(tmp_path / "b.mp4"), lambda: clip.digest):
        with pytest.raises(MediaError, match="changed since"):
            look()
    assert not (tmp_path / "b.mp4").exists()


# -- damage -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fast_start", [False, True])
@pytest.mark.parametrize(
    "name, codec", [("a.mp4", "libx264"), ("a.mov", "libx264"), ("a.mkv", "libx264"), ("a.webm", "libvpx-vp9")]
)
@pytest.mark.parametrize("share", [0.001, 0.2, 0.5, 0.8, 0.99])
def test_a_movie_cut_short_is_refused(
    tmp_path: Path, make: Any, name: str, codec: str, share: float, fast_start: bool
) -> None:
    options = {"movflags": "faststart"} if fast_start and name != "a.mkv" and name != "a.webm" else {}
    path = make.encode(
        tmp_path / name,
        make.counted(60),
        codec=codec,
        container_options=options,
        options={"deadline": "realtime"} if codec != "libx264" else {},
    )
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(MediaError, match=r"cannot read .*a\."):
        open_media(path)


def test_a_cut_is_told_by_the_bytes_that_are_missing(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mp4", make.counted(60), container_options={"movflags": "faststart"})
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(MediaError, match="cut short, the last 100 bytes are missing"):
        open_media(path)


def damage(path: Path, start: float, end: float) -> None:
    """Overwrite part of the longest box, which holds the picture data, with noise."""
    data = bytearray(path.read_bytes())
    begin = data.index(b"mdat") + 4
    length = int.from_bytes(data[begin - 8 : begin - 4], "big") - 8
    first, last = begin + int(length * start), begin + int(length * end)
    data[first:last] = np.random.default_rng(1).integers(0, 256, last - first, dtype=np.uint8).tobytes()
    path.write_bytes(data)


def test_damage_before_a_sampled_frame_names_file_frame_and_cause(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mp4", make.counted(60), options={"crf": "10", "g": "250"})
    damage(path, 0.5, 0.6)
    clip = opened(path)
    seen = []
    with pytest.raises(MediaError, match=r"a\.mp4': it breaks at or before frame \d+ \(.+\)") as caught:
        for frame in clip.frames():
            seen.append(frame.index)
    assert seen and seen[-1] < 59
    named = int(str(caught.value).split("before frame ")[1].split()[0])
    assert named > seen[-1]


def test_damage_that_checksums_show_is_found(tmp_path: Path, make: Any) -> None:
    options = {"x265-params": "log-level=none:hash=1"}
    path = make.encode(tmp_path / "a.mp4", make.counted(20), codec="libx265", options=options)
    whole = path.read_bytes()
    for start in np.linspace(0.3, 0.9, 10):
        path.write_bytes(whole)
        damage(path, start, start + 0.005)
        with pytest.raises(MediaError, match="breaks at or before frame"):
            list(opened(path).frames(ALL))


def test_damage_in_the_first_frame_is_found_on_opening_or_reading(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mp4", make.counted(60), options={"crf": "10"})
    damage(path, 0.0, 0.05)
    with pytest.raises(MediaError):
        list(opened(path).frames())


def test_a_size_that_changes_within_a_clip_is_refused(tmp_path: Path, make: Any) -> None:
    path = tmp_path / "a.mkv"
    small, large = make.counted(3), make.counted(3, 128, 96)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=24, options={"qscale": "2"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        packets = []
        for size in (small, large):
            context = av.CodecContext.create("mjpeg", "w")
            context.width, context.height, context.pix_fmt = size[0].shape[1], size[0].shape[0], "yuvj420p"
            context.time_base = Fraction(1, 24)
            for picture in size:
                packets += context.encode(av.VideoFrame.from_ndarray(picture, format="rgb24"))
        for index, packet in enumerate(packets):
            packet.pts = packet.dts = index * 41
            packet.time_base, packet.stream = Fraction(1, 1000), stream
            container.mux(packet)
    with pytest.raises(MediaError, match="its size changes to 128x96"):
        list(opened(path).frames())


def test_nothing_is_printed_about_broken_movies(tmp_path: Path, make: Any) -> None:
    path = make.encode(tmp_path / "a.mp4", make.counted(60), options={"crf": "10"})
    damage(path, 0.3, 0.6)
    code = (
        "import sys\nfrom continuity.media import open_media\nfrom continuity.errors import MediaError\n"
        "try:\n    list(open_media(sys.argv[1]).frames())\nexcept MediaError:\n    sys.exit(2)\n"
    )
    done = subprocess.run([sys.executable, "-W", "always", "-c", code, str(path)], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", "")


def test_a_movie_that_points_elsewhere_is_not_followed(tmp_path: Path) -> None:
    for name, content in (
        ("a.mp4", b"#EXTM3U\n#EXT-X-VERSION:3\nhttp://127.0.0.1:9/a.ts\n"),
        ("b.mov", b"ffconcat version 1.0\nfile a.mp4\n"),
        ("c.webm", b"<?xml version='1.0'?><MPD></MPD>"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(MediaError, match="not a picture or clip"):
            open_media(tmp_path / name)


# -- evaluation footage and length ------------------------------------------------------------------------------------


def test_real_clips_are_read_whole(footage: Path) -> None:
    paths = sorted((footage / "clips").glob("*/*.mp4"))
    assert paths
    for path in paths:
        with av.open(str(path)) as container:
            assert opened(path).frame_count == container.streams.video[0].frames
    for path in paths[-4:]:
        clip = opened(path)
        chosen = [f.index for f in clip.frames()]
        assert chosen == sorted(set(chosen)) and {0, clip.frame_count - 1} <= set(chosen)
        assert clip.varies or chosen == list(Sampling().indices(clip.frame_count, clip.rate))


@pytest.mark.slow
def test_three_minutes_of_1080p_are_sampled_in_under_a_gigabyte(tmp_path: Path, make: Any) -> None:
    noise = (
        np.random.default_rng(2).integers(0, 256, (1080 // 8, 1920 // 8, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    )
    pair = [make.planar(picture, "yuv420p", "709", full=False) for picture in (noise, np.roll(noise, 8, 1))]

    def frames() -> Any:
        for index in range(180 * 24):
            pair[index // 12 % 2].pts = None
            yield pair[index // 12 % 2]

    path = make.encode(tmp_path / "a.mp4", frames(), options={"preset": "ultrafast", "crf": "28"})
    code = (
        "import sys\nfrom continuity.media import open_media\nclip = open_media(sys.argv[1])\n"
        "seen = sum(1 for _ in clip.frames())\n"
        "peak = next(line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM'))\n"
        "print(clip.frame_count, seen, peak)\n"
    )  # not ru_maxrss: a new program is charged with what the one that started it had held
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    count, seen, kilobytes = map(int, done.stdout.split())
    assert (count, seen) == (4320, 361)
    assert kilobytes < 1_000_000, kilobytes
