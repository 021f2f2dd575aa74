"""A studio as a process of its own, and a browser's worth of HTTP to talk to it."""

import http.client
import json
import re
import signal
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from streams.templating.typesetter import WORK
from tests.command_line import start

PATIENCE = 15.0
WRITES = {"X-Firstword-Studio": "1", "Content-Type": "application/json"}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def code(self):
        said = self.json
        return said.get("code") or said["problem"]["code"]


class Studio:
    """One visit: ``cookie`` is what the first address gave."""

    def __init__(self, process, address):
        self.process = process
        parts = urlsplit(address)
        self.host, self.port = parts.hostname, parts.port
        self.first = f"{parts.path}?{parts.query}"
        self.cookie = ""

    def raw(self, method, path, body=None, **headers):
        """Ask with these headers and no others but the cookie."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        sent = {"Cookie": self.cookie, **headers}
        connection.request(method, path, body=body, headers={name: sent[name] for name in sent if sent[name]})
        answer = Answer(connection.getresponse())
        connection.close()
        return answer

    def get(self, path):
        return self.raw("GET", path)

    def post(self, path, **content):
        return self.raw("POST", path, json.dumps(content), **WRITES)

    def put(self, path, **content):
        return self.raw("PUT", path, json.dumps(content), **WRITES)

    def file(self, message="lost", file="en.md"):
        return self.get(f"/api/files/{message}/{file}").json

    def preview(self, text=None, message="lost", locale="en", sample="typical", **more):
        """Ask for a mail; ``text`` is what is not saved yet."""
        drafted = {} if text is None else {"text": text}
        return self.post(
            "/api/preview", message=message, locale=locale, **{"sample": sample, **drafted, **more}
        )

    def come_in(self):
        given = self.raw("GET", self.first)
        assert given.status == 303, given.body
        self.cookie = given.headers["Set-Cookie"].split(";")[0]
        return given

    @contextmanager
    def hearing(self):
        """Yield a list that fills with (event, data) as they are told."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=PATIENCE)
        connection.request("GET", "/events", headers={"Cookie": self.cookie})
        response = connection.getresponse()
        heard = []
        reader = threading.Thread(target=_hear, args=(response, heard), daemon=True)
        reader.start()
        try:
            yield heard
        finally:
            connection.sock.close() if connection.sock else response.close()


def _hear(response, heard):
    name = ""
    try:
        for line in response:
            text = line.decode().rstrip("\n")
            if text.startswith("event: "):
                name = text.removeprefix("event: ")
            elif text.startswith("data: "):
                heard.append((name, json.loads(text.removeprefix("data: "))))
    except (OSError, ValueError, AttributeError):
        return


def eventually(true, patience=PATIENCE):
    """Return what ``true()`` returns, as soon as that is something."""
    end = time.monotonic() + patience
    while time.monotonic() < end:
        if found := true():
            return found
        time.sleep(0.02)
    raise AssertionError("it did not become true in time")


@contextmanager
def studio(words=None, *arguments, come_in=True, **settings):
    """Start `firstword studio` on a free port and yield a visit to it; it ends as a person ends it."""
    folder = [] if words is None else ["--templates", words]
    with start("studio", *folder, "--studio", "127.0.0.1:0", *arguments, **settings) as process:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line + process.stderr.read()
        visit = Studio(process, found[0])
        if come_in:
            visit.come_in()
        try:
            yield visit
        finally:
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=PATIENCE)


def children_of(pid):
    """Return the processes that work on drafts for a studio."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            line = (stat.parent / "cmdline").read_text()
        except (OSError, ValueError):
            continue
        if parent == pid and WORK in line:
            found.append(int(stat.parent.name))
    return found
