"""Claims about what a replica wants done."""

from gaios.log.answers import Answer, Status
from gaios.log.output import Output


def test_an_output_with_nothing_to_do_is_false() -> None:
    """A shell stops asking then."""
    output = Output(1)
    assert not output
    output.copies = b""
    assert output
    for field in ("records", "after", "at_once", "effects", "reads"):
        output = Output(1)
        getattr(output, field).append((1, 2))
        assert output
    output = Output(1)
    output.answers.append((1, Answer(Status.DONE)))
    assert output
