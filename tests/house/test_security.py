"""The page on security says what the suite of attacks shows, and nothing else."""

from tests.security import catalog


def test_the_page_lists_the_attacks_of_the_suite() -> None:
    page = catalog.PAGE.read_text(encoding="utf-8")

    assert page == catalog.refreshed(page), "run `python -m tests.security.catalog`"


def test_there_are_many_attacks_and_no_name_twice() -> None:
    names = [row[0] for row in catalog.rows()]

    assert len(names) >= 100
    assert len(set(names)) == len(names)
