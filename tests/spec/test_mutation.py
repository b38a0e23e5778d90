"""A mutation: what it is made of."""

from gaios.spec.mutation import Mutation


def test_a_mutation_is_a_bug_that_others_may_catch_too_unless_said_otherwise() -> None:
    mutation = Mutation("a", "SAFETY 1", (("old", "new"),), "one-slot")
    assert not mutation.is_harmless
    assert not mutation.alone
