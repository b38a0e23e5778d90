"""Recipes: what people make of locks, ephemeral files and keys, made once and for all.  [CHUBBY §4.3]

Rule 1. Whatever is held is held by a lock of the lock service, in the client's session: `held.sequencer`, `held.check()`, `held.lost`,
and the body's cancellation at jeopardy are those of any lock (grant.py). A dead holder's share goes back with its session.
Rule 2. What a recipe writes while it holds something is guarded, at the cell, by that grant: a former holder's write is refused there.
Rule 3. The recipe NAME of a KIND has its files below `/ls/local/recipes/KIND/NAME`, and its keys at and below `recipes/KIND/NAME`.
"""
