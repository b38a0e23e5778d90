"""What the receiver of a change does, so that a holder who lost its lock can do no harm.  [CHUBBY §2.4] [SAFETY 22, 23]

Whoever holds a lock sends its token along with each change; whoever receives the change remembers the newest token that it has seen, and
refuses an older one with `errors.Fenced`.

    token         (generation, revision), `GENERATION.REVISION` as text
    sql           a guard table, or a guard column on a row of one's own
    file          a file that is replaced as a whole
    object_store  an object in S3, GCS or Azure
    asgi, stores  a middleware that refuses HTTP requests, and what it remembers

Rule 1. The comparison and the change are one step: nobody's change can come between them.
Rule 2. A token is durable before the change that came with it can be.
Rule 3. An equal token is accepted: one holder sends many changes.
Rule 4. To read under a lock, claim first: else a former holder's late write still follows what was read.

Left out on purpose: asking the cell whether a sequencer is still held. The receiver's own memory is enough, and is there when the
cell is not.
"""

from gaios.fencing.token import Given, Token

__all__ = ["Given", "Token"]
