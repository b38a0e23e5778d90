"""The museum: bugs that we had or fear, planted again for ever, and caught.  [STYLE 3; SAFETY 30]

from gaios.sim.museum.exhibits import EXHIBITS
search(EXHIBITS[0], range(50), enough=1)        # the first seed that catches it
"""

from gaios.sim.museum.exhibit import Exhibit, catches, method, replay, search, text, together

__all__ = ["Exhibit", "catches", "method", "replay", "search", "text", "together"]
