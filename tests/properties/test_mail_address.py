"""The short way to check an address gives the answer of the long way, for whatever people type."""

from email_validator import validate_email
from hypothesis import example, given
from hypothesis import strategies as st

from streams.mail.address import Mailbox, Unusable, check_address

LETTERS = st.text(alphabet="abcz09AZ._+-@ '\"ßé\u0130xn", max_size=70)
DOMAINS = st.one_of(
    st.sampled_from(
        ["example.com", "shop.example", "a.test", "localhost", "xn--bcher-kva.example", "x.local"]
    ),
    st.text(alphabet="abcz09-.xn", max_size=70),
)


@given(name=LETTERS, domain=DOMAINS)
@example(name="a" * 64, domain="example.com")
@example(name="a" * 65, domain="example.com")
@example(name="a" * 64, domain=".".join(["b" * 60] * 3) + ".com")
@example(name="bob", domain="xn--0.example")
@example(name="bob", domain="a..example")
@example(name="bob", domain="example.com.")
@example(name="Info", domain="example.com")
def test_both_ways_agree(name, domain):
    """Same mailbox, or unusable in both."""
    address = f"{name}@{domain}"
    try:
        long_way = validate_email(address.strip(), check_deliverability=False, strict=True).ascii_email
    except ValueError:
        long_way = None
    found = check_address(address)

    assert isinstance(found, Mailbox | Unusable)
    assert getattr(found, "address", None) == long_way
