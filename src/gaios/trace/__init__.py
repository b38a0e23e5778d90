"""The trace checker: recordings of real processes, or of simulations, against the text.  [DESIGN §3; SAFETY 5, 30]

    files ──► lanes, one a member, in the order of boots ──► merged by who heard what from whom ──► lives ──► one cell
    (files)       (merge)                                                                     (life, disk)    (cell)

What is checked, and how a finding is called:

    V1  every message that came had been sent, with the same bytes, by that boot of that member, to this one
    V2  every step does what the text says: a fresh participant, generated anew from the texts, does the same
    V3  nothing leaves before the records that it waits for are durable, nothing leaves that no step sent, and what is written is what
        the steps wanted written; after a restart the state is the fold of what was written                              [SAFETY 5, 7]
    V4  over all members together: one value a slot, one value a ballot and slot, one owner a ballot, chosen-through true, votes, lease
        exclusivity

Rule 1. The first illegal step ends the check: what comes behind it may follow from it.
Rule 2. What cannot be checked because nobody recorded it is counted and told, never taken for fine in silence.
"""

from gaios.trace.check import Report, check

__all__ = ["Report", "check"]
