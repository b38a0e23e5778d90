"""Claims about sessions as their users see them; those about their locks and nodes are in test_locks.py and test_nodes.py."""

import gaios
from tests.client.fake import FakeCell


async def test_locks_and_nodes_of_a_session_live_and_end_together() -> None:
    async with FakeCell(1) as fake, gaios.connect(fake.endpoints) as cell:
        async with cell.session(client="worker 7") as session:
            seen: list[str] = [session.state]
            node = await session.open("/ls/local/svc", create=True)
            async with session.lock("job"):
                (found,) = await cell.sessions()
                assert (found.client, found.handles, found.locks) == ("worker 7", 2, 1)
            seen.append(session.state)
            assert node.created
        assert [*seen, session.state] == ["none", "safe", "none"]
        assert await cell.sessions() == []
