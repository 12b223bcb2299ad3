"""A port that is kept for a server of ours."""

import socket

import pytest

from hazardwatch.doors import kept_port


def test_a_kept_port_is_for_our_server_alone_also_while_that_is_down() -> None:
    with kept_port() as kept:
        address = kept.getsockname()
        for _ in range(2):  # it dies, and is started again
            with socket.socket() as other, pytest.raises(OSError, match="Address already in use"):
                other.bind(address)
            with socket.socket() as server:
                server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as PostgreSQL and nats-server do
                server.bind(address)
                server.listen()
                with socket.create_connection(address):
                    pass


def test_no_other_program_that_asks_for_any_port_is_given_a_kept_one() -> None:
    with kept_port() as kept:
        for _ in range(200):
            with kept_port() as other:
                assert other.getsockname() != kept.getsockname()
