"""From what sessions did to files, to steps of one register each, for the search of linearizability: it trusts no place and no revision.

Only files that are never deleted: those below `FILES`. A content generation means the contents that somebody read with it.
"""

from collections.abc import Iterable

from gaios import lock_api
from gaios.lock_api import ContentsAndStat, Open, Opened, SetContents
from gaios.sim.checkers.linearizability import Step
from gaios.sim.history import DONE, REFUSED
from gaios.sim.locks.history import Asked, Recalled

FILES = "/f/"


def project_files(asked: Iterable[Asked], recalled: Iterable[Recalled] = ()) -> dict[bytes, list[Step]]:
    """Each file's steps; what a cache answered is a read like any other."""
    asked = list(asked)
    paths = {
        call.reply.handle: call.request.path
        for call in asked
        if isinstance(call.request, Open) and isinstance(call.reply, Opened) and call.request.path.startswith(FILES)
    }
    seen: dict[tuple[str, int], bytes] = {}
    for call in asked:
        if isinstance(call.reply, ContentsAndStat) and call.reply.contents is not None:
            path = paths.get(getattr(call.request, "handle", 0), "")
            seen[path, call.reply.stat.content_generation] = call.reply.contents
    steps: dict[bytes, list[Step]] = {}
    for call in asked:
        path = call.request.path if isinstance(call.request, Open) else paths.get(getattr(call.request, "handle", 0), "")
        if not path.startswith(FILES) or call.outcome == REFUSED:
            continue
        step = _step(call, path, seen)
        if step is not None:
            kind, argument, result = step
            steps.setdefault(path.encode(), []).append(Step(call.number, kind, argument, result, call.began, call.ended))
    for kept in recalled:
        if isinstance(kept.answer, ContentsAndStat) and kept.path.startswith(FILES):
            steps.setdefault(kept.path.encode(), []).append(Step(kept.number, "read", None, kept.answer.contents, kept.began, kept.ended))
    return steps


def _step(call: Asked, path: str, seen: dict[tuple[str, int], bytes]) -> tuple[str, object, object] | None:
    request, reply = call.request, call.reply
    if isinstance(request, Open):
        # It creates the file where there is none.
        return "swap", (None, request.contents), reply.created if isinstance(reply, Opened) else None
    if isinstance(request, SetContents):
        done = reply.done if isinstance(reply, lock_api.Changed) else None
        if request.generation is None:
            return "write", request.contents, None
        if request.generation and (path, request.generation) in seen:
            return "swap", (seen[path, request.generation], request.contents), done
        return None if done is False else ("write", request.contents, None)
    if isinstance(reply, ContentsAndStat) and reply.contents is not None and call.outcome == DONE:
        return "read", None, reply.contents
    return None
