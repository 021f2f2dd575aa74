"""Names days that hold, or says that there is none yet."""

from __future__ import annotations

import re
from collections.abc import Iterator

from streams.templating.lint.finding import Found
from streams.templating.lint.tone import ForbiddenWords, Prose

_FIRST_DAY = re.compile(r"\{(\w+(?:\.\w+)*)\.from_day\}")


class HonestDates(ForbiddenWords):
    """Days of the calendar, as a range that we stand by; never "soon", "shortly" or "3-5 business days".

    The first day of a range alone (``{{ arrives.from_day }}``) is a hopeful date: name the last day too.
    Where no honest day is known, the words say so and promise the day we have one.
    """

    name = "honest_dates"
    why = "a moderate range that holds satisfies more than a point that may break, and soon is no date"
    source = "Hu, Gaertig & Dietvorst (Chicago Booth), on ranges of time"

    def read(self, prose: Prose) -> Iterator[Found]:
        """Look for words without a day, and for a first day without its last."""
        yield from super().read(prose)
        for passage in prose.passages:
            for match in _FIRST_DAY.finditer(passage.text):
                if f"{{{match[1]}.by}}" not in passage.text:
                    says = f"names the first day of {match[1]} and not the last"
                    better = f"{{{{ {match[1]}.text }}}}"
                    yield Found(prose.at(passage.lines[match.start()]), says, better)


RULE = HonestDates()
