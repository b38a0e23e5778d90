"""Why: the causal chain behind a lost lock, an expired session, a refused operation.  [SAFETY 19, 21, 23]

    Replay        a replica's log, applied again: what its machine knows, and what became of one client's operation
    words         the sentences, from facts alone

What is told of sessions and locks is the same whether a running cell answers or a directory is read: `gaios.explanation`, gathered by the
machine itself (`locks.annals`). Left out on purpose: where the records come from (storage/, cli/).
"""
