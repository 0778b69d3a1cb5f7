"""The scoreboards against their floors (tests/scores.toml)."""

import pytest
import scoreboards


@pytest.mark.timeout(scoreboards.LIMIT_SECONDS)
@pytest.mark.parametrize("board", ["oracle", "doctests"])
def test_no_score_falls(board, capfd):
    with capfd.disabled():
        figures = getattr(scoreboards, board)()
    faults = scoreboards.below(figures, scoreboards.floors()[board])
    assert not faults, f"{board}: {'; '.join(faults)}"


def test_floors_are_kept():
    assert scoreboards.below({"a": 50.0, "n": 1}, {"a": 49.9, "n": 1}) == []
    assert len(scoreboards.below({"a": 50.0, "n": 1}, {"a": 50.1, "n": 0})) == 2
