"""What is kept by use: found, weighed, and forgotten from its oldest end."""

from drimbox.recently_used import RecentlyUsed


def test_the_least_recently_used_is_forgotten_first() -> None:
    kept = RecentlyUsed[str, int](2)
    kept.keep("a", 1)
    kept.keep("b", 2)
    assert kept.find("a") == 1
    kept.keep("c", 3)
    assert [key in kept for key in "abc"] == [True, False, True]


def test_what_is_kept_again_is_used_and_replaced() -> None:
    kept = RecentlyUsed[str, int](2)
    for key, value in (("a", 1), ("b", 2), ("a", 3), ("c", 4)):
        kept.keep(key, value)
    assert (kept.find("a"), kept.find("b"), len(kept)) == (3, None, 2)


def test_to_ask_whether_it_is_there_is_no_use() -> None:
    kept = RecentlyUsed[str, int](2)
    kept.keep("a", 1)
    kept.keep("b", 2)
    assert "a" in kept
    kept.keep("c", 3)
    assert "a" not in kept


def test_values_that_weigh_are_bounded_by_their_weight() -> None:
    kept = RecentlyUsed[str, str](5, len)
    kept.keep("a", "xx")
    kept.keep("b", "xxx")
    kept.keep("a", "x")
    assert len(kept) == 2
    kept.keep("c", "xx")
    assert [key in kept for key in "abc"] == [True, False, True]
    kept.keep("d", "too long")
    assert len(kept) == 0


def test_what_is_forgotten_is_returned_and_weighs_no_more() -> None:
    kept = RecentlyUsed[str, str](3, len)
    kept.keep("a", "xxx")
    assert kept.forget("a") == "xxx"
    assert kept.forget("a") is None
    kept.keep("b", "xxx")
    assert "b" in kept
