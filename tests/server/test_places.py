"""Where members are: the founders' manifest, and the configuration.  [SAFETY 1, 18]"""

from gaios.server.places import Places
from tests.server.parts import HandCell


def test_founders_are_where_their_manifest_says_and_others_where_the_configuration_says() -> None:
    cell = HandCell(3)
    cell.elect()
    replica = cell.nodes[1].replica
    places = Places(replica, {1: "a:1", 2: "a:2", 3: "a:3"}, [{"id": 1, "client": "a:1", "peer": "b:1", "admin": "c:1"}])
    assert places.clients() == ["a:1", "a:2", "a:3"]
    assert (places.peer(1), places.peer(2), places.client(9)) == ("b:1", "", "")
    replica.roster.told(replica.configuration.replaced(2, peer="b:9").added(4, peer="b:4", client="a:4"))
    assert [(row["id"], row["member"], row["votes"]) for row in places.rows()] == [(1, 1, True), (2, 4, False), (3, 3, True), (4, 5, False)]
    assert (places.peer(4), places.client(5), places.peer(5)) == ("b:9", "a:4", "b:4")


def test_who_left_is_where_it_was() -> None:
    """It may still be there, and hold what is lost here."""
    cell = HandCell(3)
    cell.elect()
    replica = cell.nodes[1].replica
    places = Places(replica, {1: "a:1", 2: "a:2", 3: "a:3"}, [{"id": 2, "client": "a:2", "peer": "b:2", "admin": "c:2"}])
    grown = replica.configuration.added(4, peer="b:4")
    replica.roster.adopt(grown, 8, stands=True)
    replica.roster.adopt(grown.removed(4), 9, stands=True)
    replica.roster.adopt(grown.removed(4).removed(2), 10, stands=True)
    assert (places.peer(4), places.peer(2), places.peer(9)) == ("b:4", "b:2", "")
    assert [row["member"] for row in places.rows()] == [1, 3]
