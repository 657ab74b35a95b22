from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from annotator.ui.timeline_geometry import MARK, Geometry, axis_ticks, side_by_side, tick_step, time_words

geometries = st.builds(
    Geometry,
    left=st.integers(0, 200),
    width=st.integers(1, 3000),
    height=st.integers(20, 600),
    n_frames=st.integers(1, 1000),
    n_rows=st.integers(1, 15),
)


@given(geometries, st.data())
def test_a_visible_cell_is_under_its_own_left_edge(geometry: Geometry, data: st.DataObject) -> None:
    frame = data.draw(st.integers(0, geometry.n_frames - 1))
    if geometry.width >= geometry.n_frames:
        assert geometry.frame_at(geometry.frame_left(frame)) == frame
        assert geometry.frame_at(geometry.frame_left(frame) + geometry.frame_width(frame) - 1) == frame


@given(geometries, st.data())
def test_what_must_be_found_is_wide_enough_and_in_the_timeline(geometry: Geometry, data: st.DataObject) -> None:
    frame = data.draw(st.integers(0, geometry.n_frames - 1))
    left, width = geometry.mark(frame)
    assert width >= min(MARK, geometry.width)
    assert geometry.left <= left
    assert left + width <= geometry.left + max(MARK, geometry.width)
    assert all(frame in geometry.marks_at(x) for x in range(left, left + width))
    if not geometry.is_crowded:
        assert (left, width) == (geometry.frame_left(frame), geometry.frame_width(frame))


@given(geometries, st.floats(-500, 5000), st.floats(-500, 5000))
def test_any_point_belongs_to_a_frame_of_the_clip(geometry: Geometry, x: float, y: float) -> None:
    assert 0 <= geometry.frame_at(x) < geometry.n_frames
    row = geometry.row_at(y)
    assert row is None or geometry.row_top(row) <= y <= geometry.row_top(row + 1)


@given(st.floats(1, 1e6), st.floats(1, 100))
def test_ticks_fit_and_are_round(span: float, room: float) -> None:
    step = tick_step(span, room)
    assert span / step <= room + 1e-9
    assert str(int(step)).rstrip("0") in ("1", "2", "5")


def test_the_axis_tells_time_where_it_is_known() -> None:
    geometry = Geometry(left=0, width=640, height=100, n_frames=51, n_rows=1)
    times = tuple(40.0 * i for i in range(51))
    ticks = axis_ticks(geometry, times)
    assert ticks[0] == (0, "0 ms")
    assert (25, "1 s") in ticks
    assert axis_ticks(geometry, ())[0] == (0, "1")


def test_time_in_words() -> None:
    assert (time_words(40), time_words(1000), time_words(1200)) == ("40 ms", "1 s", "1.2 s")


@given(st.lists(st.integers(0, 2000), max_size=40).map(sorted), st.integers(2, 40))
def test_labels_of_marks_lie_on_no_other_and_near_their_own(middles: list[int], width: int) -> None:
    lefts = side_by_side(middles, width, 2000 + width)
    shown = [left for left in lefts if left is not None]
    assert all(b - a >= width for a, b in pairwise(shown))
    for i, (left, middle) in enumerate(zip(lefts, middles, strict=True)):
        assert left is None or abs(left - (middle - width // 2)) <= 1.5 * width
        if all(abs(middle - other) >= 3 * width for j, other in enumerate(middles) if j != i):
            assert left == middle - width // 2, "alone it stands over its mark"


def test_end_diastole_and_end_systole_of_frames_that_share_a_pixel_can_both_be_read() -> None:
    geometry = Geometry(left=128, width=640, height=100, n_frames=5000, n_rows=1)
    for frames, expected in (((2500, 2501), [436, 460]), ((4998, 4999), [728, 752])):
        middles = [geometry.frame_left(frame) for frame in frames]
        assert side_by_side(middles, 24, 776) == expected
