"""What a template cannot do, even if it got past every check."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jinja2 import Environment
from jinja2.exceptions import SecurityError, TemplateRuntimeError, TemplateSyntaxError, UndefinedError
from markupsafe import Markup

from streams.templating.sandbox import HTML, OUTPUT_LIMIT, TEXT, fill, pieces

DATA = {
    "name": "Ada",
    "rows": [1, 2],
    "absent": None,
    "apologize": True,
    "order": {"id": "ORD-1", "items": "the key, not the method"},
}
REFUSED = (SecurityError, TemplateRuntimeError, TemplateSyntaxError, UndefinedError, TypeError)


@pytest.mark.parametrize("room", [HTML, TEXT])
@pytest.mark.parametrize(
    "source",
    [
        '{{ "a" * 2000000000 }}',
        "{{ 9 ** 9 ** 9 }}",
        '{{ "%2000000000d" % 1 }}',
        "{{ -rows }}",
        "{{ rows + rows }}",
        "{% for a in range(100000) %}{% for b in range(100000) %}x{% endfor %}{% endfor %}",
        "{{ lipsum(100000) }}",
        "{{ cycler() }}",
        "{{ name.__class__ }}",
        "{{ name.ljust(2000000000) }}",
        "{{ name.format(name) }}",
        "{{ ().__class__.__bases__ }}",
        "{{ order.keys() }}",
        "{{ order.__class__ }}",
        "{{ order.nothing }}",
        "{{ rows.append(3) }}",
        "{{ rows[0] }}",
        "{{ name|center(2000000000) }}",
        "{{ name|attr('upper') }}",
        "{{ order|xmlattr }}",
        "{{ rows|map('upper')|list }}",
        "{{ nothing }}",
        "{{ self.__init__ }}",
        "{% for row in rows %}{{ loop.__class__ }}{% endfor %}",
        "{% for row in rows recursive %}{{ loop(rows) }}{% endfor %}",
        "{% macro m() %}x{% endmacro %}{{ m() }}",
        "{% for row in rows %}{% for other in rows %}x{% endfor %}{% endfor %}",
        "{% for row in rows %}x{% else %}y{% endfor %}",
        "{% for row in rows if row %}x{% endfor %}",
        "{% for a, b in rows %}x{% endfor %}",
        "{% for row in name %}x{% endfor %}",
        "{% set name = order %}{{ name }}",
        "{{ absent }}",
        "{{ absent.id }}",
        "{{ order }}",
        "{{ rows }}",
        "{{ apologize }}",
        "{{ 1.5 }}",
        "{{ none }}",
        "{{ order['id'] }}",
        "{% if nothing %}x{% endif %}",
        "{% if order.nothing %}x{% endif %}",
        "{% if name == 'Ada' %}x{% endif %}",
        "{% if name is defined %}x{% endif %}",
        "{{ 'a' if name else 'b' }}",
        "{% if name %}" * 200 + "{% endif %}" * 200,
        "{% include 'x' %}",
        "{% import 'x' as y %}",
    ],
)
def test_everything_but_printing_is_refused(room, source):
    """No arithmetic, no calls, no attributes but the keys of plain dicts, no names but the offered."""
    with pytest.raises(REFUSED):
        fill(room.from_string(source), DATA)


def test_keys_win_over_methods():
    """``order.items`` is the offered name, not the dict's method."""
    assert fill(TEXT.from_string("{{ order.items }}"), DATA) == "the key, not the method"


def test_loops_know_first_and_last():
    """Parts may ask a loop where it stands."""
    source = "{% for row in rows %}{{ row }}{% if not loop.last %}, {% endif %}{% endfor %}"

    assert fill(TEXT.from_string(source), DATA) == "1, 2"


def test_only_html_escapes():
    """The text mail has no markup that could be escaped."""
    assert fill(HTML.from_string("{{ x }}"), {"x": "<b>"}) == "&lt;b&gt;"
    assert fill(TEXT.from_string("{{ x }}"), {"x": "<b>"}) == "<b>"


def test_a_mail_has_a_largest_size():
    """A megabyte is a mistake that must not reach a mail server."""
    template = TEXT.from_string("{% for row in rows %}{{ row }}{% endfor %}")

    with pytest.raises(SecurityError):
        fill(template, {"rows": ["x" * 1000] * (OUTPUT_LIMIT // 1000 + 1)})


@settings(max_examples=200, deadline=None)
@given(text=st.text(st.sampled_from("'\"\\\n\r\t\0(),:#n{}%  öx\u2028") | st.characters(), max_size=60))
@pytest.mark.parametrize("room", [HTML, TEXT])
def test_text_that_looks_like_code_stays_text(room, text):
    """Nothing between the tags can leave its place in the function that a template becomes."""
    source = text.replace("{", "[").replace("\r\n", "\n").replace("\r", "\n")  # Jinja's own line ends

    assert fill(room.from_string(f"{source}{{{{ name }}}}{{% if name %}}{source}{{% endif %}}"), DATA) == (
        f"{source}Ada{source}"
    )


def test_what_is_settled_is_filled_in_at_once():
    """A brand's name is part of the text, escaped where the rest is, and the letter need not have it."""
    source = "{{ brand.name }} {{ order.id }}{% if brand.name %}!{% endif %}{% with a=brand.name %}{{ a }}{% endwith %}"
    html = HTML.from_string(source, {"brand": {"name": "A & B"}})

    assert html.reads == {"order"}
    assert fill(html, DATA) == "A &amp; B ORD-1!A &amp; B"
    assert pieces(html, DATA)[0] is pieces(html, DATA)[0]
    with pytest.raises(SecurityError):
        HTML.from_string("{{ brand.nmae }}", {"brand": {"name": "A & B"}})


def test_a_template_says_what_it_reads():
    """Names of its own (parameters, rows, the loop) are not asked of the letter."""
    source = (
        "{% with a=order.id %}{{ a }}{% for row in rows %}{{ row }}{{ loop.index }}{% endfor %}{% endwith %}"
    )

    assert TEXT.from_string(source).reads == {"order", "rows"}


def test_conditions_choose():
    """If, elif, else, not, and, or: as in Jinja."""
    source = (
        "{% if no %}1{% elif yes and not no %}2{% else %}3{% endif %}{% if no or (yes and no) %}4{% endif %}"
    )

    assert fill(TEXT.from_string(source), {"yes": "x", "no": []}) == "2"


@pytest.mark.parametrize(
    ("value", "html"), [("&<>'\"", "&amp;&lt;&gt;&#39;&#34;"), (3, "3"), (Markup("<b>"), "<b>")]
)
def test_whatever_is_printed_is_escaped_as_jinja_does(value, html):
    """Quotes too, because values stand in attributes; markup of our own is left as it is."""
    plain = Environment(autoescape=True).from_string("{{ x }}").render(x=value)

    assert fill(HTML.from_string("{{ x }}"), {"x": value}) == html == plain
