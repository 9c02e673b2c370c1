"""Grid and pixels: round trips, clamping, never an empty box."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from canvasagent.imaging.geometry import GRID, bounds, box_to_grid, box_to_pixels, point_to_pixels

grid = st.integers(0, GRID)
sides = st.integers(1, 20_000)
sizes = st.tuples(sides, sides)
spans = st.tuples(grid, grid).map(sorted).filter(lambda span: span[0] < span[1])
boxes = st.tuples(spans, spans).map(lambda two: [two[0][0], two[1][0], two[0][1], two[1][1]])
wild = st.floats(-1e7, 1e7)


@given(boxes, st.tuples(st.integers(GRID, 20_000), st.integers(GRID, 20_000)))
def test_boxes_come_back_exactly_where_pixels_are_finer_than_the_grid(box: list[int], size: tuple[int, int]) -> None:
    assert box_to_grid(box_to_pixels(box, size), size) == box


@given(boxes, sizes)
def test_boxes_come_back_within_a_pixel_and_a_half(box: list[int], size: tuple[int, int]) -> None:
    back = box_to_grid(box_to_pixels(box, size), size)
    for value, again, side in zip(box, back, size * 2, strict=True):
        assert abs(value - again) <= 1.5 * GRID / side + 1


@given(st.tuples(wild, wild, wild, wild), sizes)
def test_pixel_boxes_lie_inside_and_have_area(box: tuple[float, float, float, float], size: tuple[int, int]) -> None:
    left, top, right, bottom = box_to_pixels(box, size)
    assert 0 <= left < right <= size[0]
    assert 0 <= top < bottom <= size[1]


@given(st.tuples(wild, wild, wild, wild), sizes)
def test_grid_boxes_lie_on_the_grid_and_have_area(
    box: tuple[float, float, float, float], size: tuple[int, int]
) -> None:
    left, top, right, bottom = box_to_grid(box, size)
    assert 0 <= left < right <= GRID
    assert 0 <= top < bottom <= GRID


@given(boxes, sizes)
def test_a_wider_box_never_gives_fewer_pixels(box: list[int], size: tuple[int, int]) -> None:
    inner, outer = box_to_pixels(box, size), box_to_pixels([0, 0, GRID, GRID], size)
    assert outer == (0, 0, *size)
    assert outer[0] <= inner[0] and inner[2] <= outer[2]


@given(st.tuples(grid, grid), sizes)
def test_points_come_back_exactly(point: tuple[int, int], size: tuple[int, int]) -> None:
    x, y = point_to_pixels(point, size)
    assert [round(x * GRID / size[0]), round(y * GRID / size[1])] == list(point)


@given(st.lists(st.tuples(wild, wild), min_size=1, max_size=8))
def test_bounds_hold_every_point_and_touch_one_on_each_side(points: list[tuple[float, float]]) -> None:
    left, top, right, bottom = bounds(points)
    assert all(left <= x <= right and top <= y <= bottom for x, y in points)
    assert {left, right} <= {x for x, _ in points} and {top, bottom} <= {y for _, y in points}


def test_known_values() -> None:
    assert box_to_pixels([250, 500, 750, 1000], (1600, 900)) == (400, 450, 1200, 900)
    assert box_to_pixels([999, 999, 1000, 1000], (10, 10)) == (9, 9, 10, 10)
    assert point_to_pixels([500, 250], (640, 480)) == (320.0, 120.0)
