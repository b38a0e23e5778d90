"""Claims about answers."""

from gaios.log.answers import Answer, Status


def test_an_answer_says_where_its_entry_stands() -> None:
    """The witness that checkers of histories use."""
    assert Answer(Status.DONE, 5, 2, b"x")[:3] == (0, 5, 2)
