"""Webhooks prove who sent them, by the vendors' own recipes."""

from __future__ import annotations

import pytest

from streams.sources.easypost.adapter import verify as verify_easypost
from streams.sources.shopify.adapter import verify as verify_shopify

BODY = b'{"id": 7001}'

# Made with OpenSSL, not with our code:
#   printf '{"id": 7001}' | openssl dgst -sha256 -hmac hush -binary | base64
SHOPIFY = "OOYjM6IG+2kgMMbx/BDpR3CYQlLTtR3uEjPkf+efsdg="
#   printf '{"id": 7001}' | openssl dgst -sha256 -hmac "$(printf 'cafe\xcc\x81')"
EASYPOST = "hmac-sha256-hex=7d5a7e54fa16b20a960467766e85d240defbee9d11c9ac5633be1ca7de0e0a46"


def test_shopify_signs_with_base64():
    """The right secret and the untouched body fit; anything else does not."""
    assert verify_shopify(BODY, SHOPIFY, "hush")
    assert not verify_shopify(BODY + b" ", SHOPIFY, "hush")
    assert not verify_shopify(BODY, SHOPIFY, "shout")


def test_easypost_signs_with_a_normalized_secret():
    """The secret is compared in form NFKD: both spellings of the accent fit."""
    assert verify_easypost(BODY, EASYPOST, "caf\u00e9")
    assert verify_easypost(BODY, EASYPOST, "cafe\u0301")
    assert not verify_easypost(BODY, EASYPOST, "cafe")
    assert not verify_easypost(BODY, EASYPOST.removeprefix("hmac-sha256-hex="), "caf\u00e9")


@pytest.mark.parametrize("verify", [verify_shopify, verify_easypost])
@pytest.mark.parametrize("header", ["", "é", "\udc80", "AAAA", " "])
def test_a_strange_header_is_wrong_and_no_crash(verify, header):
    """Headers come from strangers."""
    assert verify(BODY, header, "hush") is False


@pytest.mark.parametrize("verify", [verify_shopify, verify_easypost])
def test_without_a_secret_nothing_fits(verify):
    """A secret that was forgotten must not open the door to whoever guesses that."""
    import base64
    import hashlib
    import hmac

    digest = hmac.new(b"", BODY, hashlib.sha256)
    for header in (base64.b64encode(digest.digest()).decode(), "hmac-sha256-hex=" + digest.hexdigest()):
        assert verify(BODY, header, "") is False
