"""What a run in the sandbox may use up, as people write it."""

import pytest

from selfheald.domain.limits import Limit, parse_size, reached


@pytest.mark.parametrize(
    ("text", "size"), [("64k", 65536), ("512m", 512 << 20), ("4g", 4 << 30), ("1t", 1 << 40), ("1024t", 1 << 50)]
)
def test_a_size_is_a_whole_number_with_its_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "4", "0g", "4 g", "4G", "-1g", "1.5g", "g", "2048t"])
def test_anything_else_is_no_size(text: str) -> None:
    with pytest.raises(ValueError, match=r"no size|too large"):
        parse_size(text)


def test_the_words_name_the_key() -> None:
    assert reached(Limit.CPU_TIME) == "it reached its limit: `sandbox_limits.cpu_time`"
