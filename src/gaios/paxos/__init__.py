"""The protocol: its text (`*.spec.py`, never imported) and what `gaios.spec` makes of it.

`core` is the participant that every replica runs; `codec` decides what may reach it from the wire.
"""
