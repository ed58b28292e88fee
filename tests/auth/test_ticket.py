"""The method `ticket`, and what is so for every method that asks something."""

from __future__ import annotations

import pytest

from edge_router.router.session import ANSWER_WITHIN
from tests.auth.entrance import DENIED, Client, Entrance, refused, welcomed

PRINCIPALS = {"joe": {"ticket": "secret1", "role": "device"}, "ann": {"ticket": "x", "role": "operator"}}
TICKETS = {"ticket": {"principals": PRINCIPALS}}


def test_the_right_ticket_lets_in() -> None:
    """HELLO, CHALLENGE without anything in it, AUTHENTICATE with the ticket, WELCOME in the user's role."""
    client = Entrance(TICKETS).client()
    assert client.challenged("ticket", "joe") == {}
    found = welcomed(client.answer("secret1"))
    assert found == {"authid": "joe", "authrole": "device", "authmethod": "ticket", "authprovider": "static"}


@pytest.mark.parametrize(
    ("authid", "ticket"), [("joe", "secret2"), ("joe", ""), ("joe", "x"), ("jim", "secret1"), ("", "")]
)
def test_wrong_tickets_and_unknown_users_look_the_same(authid: str, ticket: str) -> None:
    """A wrong ticket, an unknown user and somebody else's ticket are refused in the same words, after CHALLENGE."""
    client = Entrance(TICKETS).client()
    assert client.challenged("ticket", authid) == {}
    right = Entrance(TICKETS).client()
    right.challenged("ticket", "joe")
    answer = client.answer(ticket)
    assert refused(answer) == DENIED
    assert answer == right.answer("wrong")
    assert client.closed


def test_names_of_crossbar() -> None:
    """A realm with `error_style: crossbar` refuses by Crossbar's names."""
    client = Entrance(TICKETS, error_style="crossbar").client()
    client.challenged("ticket", "joe")
    assert refused(client.answer("no")) == "wamp.error.not_authorized"
    other = Entrance(TICKETS, error_style="crossbar").client()
    assert refused(other.hello("anonymous")) == "wamp.error.no_auth_method"


def test_a_user_must_be_named() -> None:
    """Without an authid nobody can be asked."""
    assert refused(Entrance(TICKETS).client().hello("ticket")) == DENIED


def test_no_method_in_common() -> None:
    """What the client offers is not configured; no authmethods at all means anonymous."""
    for offered in ("anonymous", "wampcra", None):
        answer = Entrance(TICKETS).client().hello(offered, "joe")
        assert refused(answer) == "wamp.error.no_matching_auth_method"


def test_the_clients_order_decides() -> None:
    """The first of the client's methods that is configured is taken, not the first of the configuration."""
    entrance = Entrance({**TICKETS, "anonymous": {"role": "guest"}})
    assert entrance.client().hello("scram ticket anonymous", "joe")[:2] == [4, "ticket"]
    assert welcomed(entrance.client().hello("anonymous ticket", "joe"))["authrole"] == "guest"


def test_an_answer_counts_once() -> None:
    """After AUTHENTICATE a second one is out of place, in the realm as well as after a refusal."""
    client = Entrance(TICKETS).client()
    client.challenged("ticket", "joe")
    welcomed(client.answer("secret1"))
    assert refused(client.answer("secret1")) == "wamp.error.protocol_violation"


@pytest.mark.parametrize(
    "message", [(1, "realm1", {"roles": {"caller": {}}}), (48, 1, {}, "com.x"), (6, {}, "wamp.close.normal")]
)
def test_nothing_else_while_challenged(message: tuple[object, ...]) -> None:
    """Between CHALLENGE and AUTHENTICATE every other message breaks the protocol."""
    client = Entrance(TICKETS).client()
    client.challenged("ticket", "joe")
    assert refused(client.say(*message)) == "wamp.error.protocol_violation"


def test_authenticate_unasked() -> None:
    """AUTHENTICATE before CHALLENGE breaks the protocol."""
    assert refused(Entrance(TICKETS).client().answer("secret1")) == "wamp.error.protocol_violation"


def test_an_answer_must_come_in_time() -> None:
    """Who does not answer CHALLENGE is sent away, also on a connection that had a session before."""
    entrance = Entrance(TICKETS)
    client = entrance.client()
    client.challenged("ticket", "joe")
    welcomed(client.answer("secret1"))
    client.say(6, {}, "wamp.close.normal")
    client.challenged("ticket", "joe")
    entrance.clock.advance(ANSWER_WITHIN - 0.1)
    assert not client.closed
    entrance.clock.advance(0.2)
    assert client.closed
    assert refused(client.inbox[-1]) == "wamp.error.authentication_failed"
    assert not entrance.clock.getDelayedCalls()


def test_hanging_up_while_challenged() -> None:
    """Nothing is left of a client that goes in the middle."""
    entrance = Entrance(TICKETS)
    client = entrance.client()
    client.challenged("ticket", "joe")
    client._session.lost()
    assert not entrance.clock.getDelayedCalls()


def guess(client: Client, ticket: str = "wrong") -> list[object]:
    """HELLO, and AUTHENTICATE if it comes to that. Result: the last answer."""
    answer = client.hello("ticket", "joe")
    return client.answer(ticket) if answer[0] == 4 else answer


def test_guessing_takes_longer_and_longer() -> None:
    """After the failures that are free each costs a wait, and each wait is twice the one before, up to a bound."""
    entrance = Entrance({**TICKETS, "failed_logins": {"allowed": 3, "delay": 1000, "max_delay": 3000}})
    for _ in range(3):
        guess(entrance.client())
    for wait in (1.0, 2.0, 3.0, 3.0):
        entrance.clock.advance(wait - 0.01)
        assert "too many" in str(guess(entrance.client(), "secret1"))
        entrance.clock.advance(0.02)
        assert "too many" not in str(guess(entrance.client()))
    entrance.clock.advance(3.1)
    assert guess(entrance.client(), "secret1")[0] == 2


def test_connections_opened_before_do_not_help() -> None:
    """Questions that were asked before the failures are not answered during the wait."""
    entrance = Entrance({**TICKETS, "failed_logins": {"allowed": 2}})
    clients = [entrance.client(f"tcp4:10.0.0.1:{port}") for port in range(1, 6)]
    for client in clients:
        client.challenged("ticket", "joe")
    assert ["too many" in str(client.answer("secret1" if client is clients[-1] else "no")) for client in clients] == [
        False, False, True, True, True,
    ]  # fmt: skip


def test_others_do_not_wait() -> None:
    """The wait is for the address, not for the user: nobody can lock out somebody else's device."""
    entrance = Entrance({**TICKETS, "failed_logins": {"allowed": 1}})
    guess(entrance.client("tcp4:10.0.0.1:5"))
    assert guess(entrance.client("tcp4:10.0.0.1:6"), "secret1")[0] == 3
    assert guess(entrance.client("tcp4:10.0.0.2:5"), "secret1")[0] == 2
    assert guess(entrance.client("unix:pid=5,uid=0,gid=0"), "secret1")[0] == 2
