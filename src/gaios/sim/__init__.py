"""The simulated shell: the production cell in a world of its own, every run replayable from one seed.  [PML §6.3; STYLE 2]"""
