"""Where webhooks may go: never into the operator's network, unless the operator says so."""

from __future__ import annotations

import threading

import pytest

from notifications import receivers
from notifications.receivers import Receivers, Unreachable, is_allowed
from utils import InvalidInput

PUBLIC = ["93.184.215.14", "1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1"]
PRIVATE = ["127.0.0.1", "127.8.8.8", "10.1.2.3", "172.31.0.1", "192.168.1.1", "100.64.0.1", "::1", "fd12:3456::1",
           "::ffff:10.0.0.1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2002:c0a8:101::1"]  # fmt: skip
NEVER = ["0.0.0.0",  # noqa: S104  # refused, not listened on
         "169.254.169.254", "fe80::1", "fe80::1%eth0", "::", "224.0.0.1", "ff02::1", "255.255.255.255",
         "240.0.0.1", "168.63.129.16", "100.100.100.200", "192.0.0.192", "fd00:ec2::254", "::ffff:169.254.169.254",
         "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fec0::1", "64:ff9b:1::1", "192.88.99.1", "198.18.0.1", "0.1.2.3",
         "2001::1", "2001:db8::1", "::127.0.0.1", "4000::1"]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_connected_to(address: str):
    assert is_allowed(address, private=False)
    assert is_allowed(address, private=True)


@pytest.mark.parametrize("address", PRIVATE)
def test_private_addresses_only_where_the_operator_allows_them(address: str):
    assert not is_allowed(address, private=False)
    assert is_allowed(address, private=True)


@pytest.mark.parametrize("address", NEVER)
def test_addresses_that_no_receiver_has_never(address: str):
    assert not is_allowed(address, private=False)
    assert not is_allowed(address, private=True)


def rules(*addresses: str, private: bool = False) -> Receivers:
    return Receivers(private, lambda host, port: list(addresses))


@pytest.mark.parametrize(
    ("url", "word"),
    [
        ("http://example.org/", "https://"),
        ("ftp://example.org/", "https://"),
        ("example.org/hook", "https://"),
        ("https:///hook", "a host"),
        ("https://ada:secret@example.org/", "password"),
        ("https://ada@example.org/", "user name"),
        ("https://example.org/#part", "#"),
        ("https://example.org:0/", "port"),
        ("https://example.org:99999/", "not a URL"),
        ("https://[::1/", "not a URL"),
        ("https://exa mple.org/", "visible"),
        ("https://example.org/\r\nX-Evil: 1", "visible"),
        ("https://bücher.example/", "xn--"),
        ("https://example.org\\@127.0.0.1/", "visible"),
        ("https://example.org/" + "a" * 2000, "2,000"),
    ],
)
def test_a_url_that_cannot_be_is_told_why(url: str, word: str):
    with pytest.raises(InvalidInput, match="url: ") as caught:
        rules("1.1.1.1").check(url)
    assert word in caught.value.detail


def test_a_good_url_is_taken_apart():
    target = rules().target("https://example.org:8443/a/b?c=d")
    assert (target.host, target.port, target.path, target.host_header) == (
        "example.org", 8443, "/a/b?c=d", "example.org:8443"
    )  # fmt: skip
    assert rules().target("https://EXAMPLE.org").host_header == "example.org"
    assert rules(private=True).target("http://[::1]:80/").host_header == "[::1]"


def test_one_private_address_among_public_ones_is_too_many():
    rules("1.1.1.1", "2606:4700::1111").check("https://example.org/")
    with pytest.raises(InvalidInput, match="no address that webhooks may be sent to"):
        rules("1.1.1.1", "10.0.0.1").check("https://example.org/")


def test_a_name_without_address_and_one_of_the_own_network_look_the_same():
    answers = set()
    for found in ([], ["10.0.0.1"], ["169.254.169.254"]):
        with pytest.raises(InvalidInput) as caught:
            rules(*found).check("https://internal.example/")
        answers.add(caught.value.detail)
    assert len(answers) == 1


@pytest.mark.parametrize("host", ["localhost", "2130706433", "0x7f.1", "0", "[::1]", "127.1", "a" * 70 + ".example"])
def test_other_ways_to_write_this_machine_do_not_help(host: str):
    with pytest.raises(InvalidInput, match="no address"):
        Receivers(private=False).check(f"https://{host}/")


def test_a_name_server_that_does_not_answer_holds_up_nobody(monkeypatch: pytest.MonkeyPatch):
    asked = threading.Event()
    monkeypatch.setattr(receivers, "_LOOK_UP_SECONDS", 0.1)
    monkeypatch.setattr(receivers, "_look_up", lambda host, port: asked.wait(30) and [])
    with pytest.raises(Unreachable, match="could not be looked up"):
        receivers.resolve("slow.example", 443)
    asked.set()
