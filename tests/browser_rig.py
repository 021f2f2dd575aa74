"""A real browser for the tests of pages: Chromium as the machine has it, and axe-core to judge what it shows."""

import hashlib
import os
import shutil
import subprocess
import tarfile
from contextlib import contextmanager

import pytest

from tests.kafka_install import cache, locked

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
AXE = "4.14.1"
AXE_SHA256 = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
WIDTHS = (1440, 375)  # a laptop, and the narrowest phone that is still sold
SCHEMES = ("light", "dark")


def find_chromium():
    """Return the browser: ``FIRSTWORD_TEST_CHROMIUM``, or what the machine has; skip where there is none."""
    found = os.environ.get("FIRSTWORD_TEST_CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("there is no Chromium here: install chromium, or name one with FIRSTWORD_TEST_CHROMIUM")
    return found


@contextmanager
def browser():
    """Yield a Chromium without a window."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        # Everything runs as root in containers, where Chromium's own sandbox refuses to start.
        chromium = driver.chromium.launch(executable_path=find_chromium(), args=["--no-sandbox"])
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def page(chromium, *, width=1440, scheme="light", **more):
    """Yield a page of a fresh visit; whatever it complains about or asks elsewhere for fails the test."""
    context = chromium.new_context(
        viewport={"width": width, "height": 900}, color_scheme=scheme, service_workers="block", **more
    )
    complaints, asked = [], []
    try:
        one = context.new_page()
        one.set_default_timeout(20_000)
        one.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        one.on("pageerror", lambda error: complaints.append(str(error)))
        one.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        one.on("request", lambda request: asked.append(request.url))
        yield one
        own = one.url.split("/")[2]
        assert [url for url in asked if url.split("/")[2] != own] == []
        # A form that is refused is answered 4xx, and Chromium notes that down as well.
        assert [said for said in complaints if "responded with a status of 4" not in said] == []
    finally:
        context.close()


def axe():
    """Return axe-core's source, fetched once with npm; skip where there is no npm."""
    folder = cache() / f"axe-core-{AXE}"
    source = folder / "axe.min.js"
    with locked("axe-core"):
        if not source.exists():
            _fetch(folder)
    return source.read_text("utf-8")


def judge(one, source):
    """Return what axe finds wrong with a page, a line each."""
    one.evaluate(source)
    found = one.evaluate(
        """async () => (await axe.run(document, {iframes: false, resultTypes: ["violations"]})).violations.map(
            one => `${one.impact} ${one.id}: ${one.nodes.map(node => node.target.join(" ")).join("; ")}`)"""
    )
    return sorted(found)


def _fetch(folder):
    if shutil.which("npm") is None:
        pytest.skip("there is no npm here to fetch axe-core with")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["npm", "pack", f"axe-core@{AXE}", "--silent"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        pytest.skip(f"axe-core cannot be fetched: {done.stderr.strip()[-200:]}")
    with tarfile.open(folder / done.stdout.split()[-1]) as package:
        content = package.extractfile("package/axe.min.js").read()
    assert hashlib.sha256(content).hexdigest() == AXE_SHA256, "axe-core is not the one that was pinned"
    (folder / "axe.min.js").write_bytes(content)
