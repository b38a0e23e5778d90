"""What must hold, one file a property, each a pure function over recorded histories.  [STYLE 7; SAFETY 30]

Each is tested on histories known to be good and known to be bad: a checker is worth what it refuses.
"""
