"""What a template cannot do, even if it got past every check."""

from __future__ import annotations

import pytest
from jinja2.exceptions import SecurityError, TemplateRuntimeError, TemplateSyntaxError, UndefinedError

from streams.templating.sandbox import HTML, OUTPUT_LIMIT, TEXT, fill

DATA = {"name": "Ada", "rows": [1, 2], "order": {"id": "ORD-1", "items": "the key, not the method"}}
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
