"""The simulated shell: the production cell in a world of its own, every run replayable from one seed.  [PML §6.3; STYLE 2]

report = run(seed)      # .violations is empty, .trace_hash is the same on every machine
"""

from gaios.sim.run import Report, RunOptions, run

__all__ = ["Report", "RunOptions", "run"]
