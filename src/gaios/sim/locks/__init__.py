"""The lock service in the simulated world: clients with sessions, what they do, a model of what the cell owes them, and the judgement.

process.py  one client process: sessions, handles, what it believes          work.py    what processes do, and how they come and go
tasks.py    programs that wait                                              resource.py what locks are for: fenced, and not
model.py    the lock service as its documentation says it                    replay.py  the log, carried out by the model
history.py  what is written down                                             judge.py   all of it, given to the checkers
"""
