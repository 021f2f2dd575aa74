"""The contract of folders below streams/labels and streams/desks: found by name, refused when half made."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from streams import desks, labels
from streams.core.events import ReturnLabelRequested
from streams.core.money import Money
from streams.problems import WorldProblem
from streams.settings import Settings

ROOMS = [
    pytest.param(labels, "provider", "PROVIDER", id="labels"),
    pytest.param(desks, "desk", "DESK", id="desks"),
]


@pytest.fixture
def extend(tmp_path, monkeypatch):
    """Add a folder to a package, as a plug-in would, and take it away again."""
    added = []

    def add(package, folder, module, text):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "__init__.py").write_text("")
        (tmp_path / folder / f"{module}.py").write_text(text)
        monkeypatch.setattr(package, "__path__", [*package.__path__, str(tmp_path)])
        added.append(f"{package.__name__}.{folder}")

    yield add
    for name in [name for name in sys.modules if name.startswith(tuple(added) or "\0")]:
        del sys.modules[name]


@pytest.mark.parametrize(("package", "module", "constant"), ROOMS)
def test_a_new_folder_is_found_without_being_listed(package, module, constant, extend):
    """Adding a folder is all it takes."""
    extend(package, "pigeon", module, f"class Pigeon:\n    name = 'pigeon'\n{constant} = Pigeon\n")

    found = package.discover()

    assert found["pigeon"].__name__ == "Pigeon"
    assert sorted(found) == list(found)


@pytest.mark.parametrize(("package", "module", "constant"), ROOMS)
@pytest.mark.parametrize(
    "text",
    ["", "{constant} = object()", "class X:\n    name = 'other'\n{constant} = X", "import nowhere_at_all"],
    ids=["no constant", "no name", "wrong name", "import fails"],
)
def test_a_half_made_folder_stops_the_start_with_its_name(package, module, constant, text, extend):
    """A plug-in that cannot be used is a problem that names its file, never a silent absence."""
    extend(package, "pigeon", module, text.format(constant=constant))

    with pytest.raises(WorldProblem) as caught:
        package.discover()

    assert f"{package.__name__.replace('.', '/')}/pigeon/{module}.py" == caught.value.where
    assert caught.value.code.endswith("-folder-broken")


LOCAL = [factory for factory in labels.discover().values() if not factory.is_remote]


@pytest.mark.parametrize("factory", LOCAL, ids=lambda factory: factory.name)
def test_a_label_is_bought_once_whoever_sells_it(factory):
    """The same request gives the same label and the same PDF, also from a provider started anew."""
    request = ReturnLabelRequested(
        order_id="CRUNCHY-ARMCHAIR",
        decision_id="decision-1",
        case_id="case-1",
        return_id="RET-1",
        lines=(),
        cost=Money(minor=799, currency="USD"),
        keep_after=date(2027, 1, 5),
        country="US",
    )
    provider, anew = factory.from_settings(Settings()), factory.from_settings(Settings())

    issued = provider.buy(request)

    assert issued == provider.buy(request)
    assert issued == anew.buy(request)
    assert provider.document(issued) == anew.document(issued)
    assert provider.document(issued).startswith(b"%PDF-")
    assert provider.quote(request) == issued.cost
    assert provider.void(issued) is True
    assert provider.track(issued.tracking_number) is None
    assert provider.refund_days is None
