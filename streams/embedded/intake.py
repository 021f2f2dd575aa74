"""Takes webhooks over HTTP, and says 202 only once they are written down.

``POST /in/{source}`` takes one JSON document, or one per line for the source ``native``. The answer 202 with
``{"accepted": n}`` means that n records are in the journal and survive a power cut. Any other answer means
that nothing was taken: the sender tries again, and event ids make that harmless. ``GET /health/live`` and
``GET /health/ready`` are for whoever watches over the process.

A source that its vendor signs is refused unless the signature is right; an unsigned one (``native``) trusts
whoever reaches the port, which is why an address without a host listens on this machine only.
"""

from __future__ import annotations

import asyncio
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping

import msgspec
from aiohttp import web

from streams import telemetry
from streams.problems import InputProblem, Problem, UsageProblem, WorldProblem
from streams.settings import FIELDS, Secret, Settings

LARGEST_BODY = 1024 * 1024  # bytes; an order of a thousand lines is about a tenth of it
SLOWEST_BODY = 30.0  # seconds; a body that trickles in longer only holds a connection
RETRY_AFTER = 5  # seconds
GRACE = 10.0  # seconds that a stop waits for answers under way
LINGER = 1.0  # seconds that a refused body may still come in, so that its sender reads the answer first

Submit = Callable[[str, bytes, str], Awaitable[int]]
Verify = Callable[[bytes, str, str], bool]

_ADDRESS = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[^\s:\[\]/]*):(?P<port>\d{1,5})")


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """How a vendor signs: the header, the check ``verify(body, header, secret)``, and the shared secret."""

    header: str
    verify: Verify
    secret: Secret | None
    setting: str  # the variable that holds the secret, for the hint


# Where vendors put their signature: their documentation of webhooks.
_HEADERS = {"shopify": "X-Shopify-Hmac-Sha256", "easypost": "X-Hmac-Signature"}


def vendor_signatures(verifiers: Mapping[str, Verify], settings: Settings) -> dict[str, Signature]:
    """Return how each vendor signs, from the adapters' ``verify`` functions and the secrets that are set.

    Raises:
        KeyError: a source has a verifier, and neither a header here nor a secret among the settings.
    """
    return {
        source: Signature(
            header=_HEADERS[source],
            verify=verify,
            secret=getattr(settings, f"{source}_secret"),
            setting=FIELDS[f"{source}_secret"].variable,
        )
        for source, verify in verifiers.items()
    }


class Intake:
    """The web door for events; ``submit(source, body, place)`` returns once the records are durable."""

    def __init__(
        self,
        submit: Submit,
        *,
        sources: Iterable[str],
        signatures: Mapping[str, Signature] | None = None,
        ready: Callable[[], bool] = lambda: True,
    ) -> None:
        self._submit = submit
        self._sources = tuple(sorted(sources))
        self._signatures = dict(signatures or {})
        self._ready = ready
        self._received: Counter[str] = Counter()
        self._runner: web.AppRunner | None = None

    def app(self) -> web.Application:
        """Return a new aiohttp application with the intake's routes, to be served here or mounted elsewhere."""
        app = web.Application(client_max_size=LARGEST_BODY, middlewares=[_problems_as_json])
        app.router.add_post("/in/{source}", self._take)
        app.router.add_get("/health/live", self._live)
        app.router.add_get("/health/ready", self._are_we_ready)
        return app

    async def start(self, address: str) -> tuple[str, int]:
        """Listen on ``host:port`` and return the host and port taken; port 0 takes a free one.

        Raises:
            UsageProblem: the address cannot be read.
            WorldProblem: the address is taken or not ours.
        """
        host, port = parse_address(address)
        # No access log: it would write query strings and client addresses, and telemetry counts already.
        runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=GRACE, lingering_time=LINGER)
        await runner.setup()
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            await runner.cleanup()
            raise WorldProblem(
                "intake-address-unavailable",
                f"Nothing can listen on {host}:{port}.",
                where=address,
                why=str(error),
                hint="Choose another --http address, or stop the program that has this one.",
            ) from error
        self._runner = runner
        taken_host, taken_port = runner.addresses[0][:2]
        telemetry.intake_opened(host=taken_host, port=taken_port, sources=" ".join(self._sources))
        return taken_host, taken_port

    async def stop(self) -> None:
        """Take no more, answer what is under way, and close the port; stopping twice is fine."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    async def _take(self, request: web.Request) -> web.Response:
        source = request.match_info["source"]
        self._check_known(source)
        _check_no_browser(request)
        signature = self._signatures.get(source)
        body = await _read(request)
        if signature is not None:
            _check_signature(signature, source, request, body)
        if not body.strip():
            raise _Refused(400, "body-empty", "The body is empty.", "Send one JSON document.")
        self._received[source] += 1
        place = f"POST /in/{source} #{self._received[source]}"
        accepted = await self._submit(source, body, place)
        telemetry.records_accepted(source=source, place=place, count=accepted)
        return web.json_response({"accepted": accepted}, status=202)

    def _check_known(self, source: str) -> None:
        if source not in self._sources:
            known = list(self._sources)
            raise _Refused(
                404,
                "source-unknown",
                "There is no such source.",
                f"Post to one of: {', '.join(f'/in/{name}' for name in known)}.",
                known=known,
            )

    async def _live(self, _request: web.Request) -> web.Response:
        return web.json_response({"live": True})

    async def _are_we_ready(self, _request: web.Request) -> web.Response:
        ready = self._ready()
        return web.json_response({"ready": ready}, status=200 if ready else 503)


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of ``host:port``, ``[v6]:port`` or ``:port``, which means this machine only.

    Raises:
        UsageProblem: the text is none of these, or the port is above 65535.
    """
    match = _ADDRESS.fullmatch(text.strip())
    if match is None or int(match["port"]) > 65535:
        raise UsageProblem(
            "http-address-wrong",
            f"{text!r} is not an address to listen on.",
            why="An address is host:port, with a port from 0 to 65535.",
            hint="Write :8080 for this machine only, or 0.0.0.0:8080 for every network it is in.",
        )
    return match["host"].strip("[]") or "127.0.0.1", int(match["port"])


class _Refused(InputProblem):
    """A request that is answered with ``status`` and the reason."""

    def __init__(
        self, status: int, code: str, what: str, hint: str, *, known: list[str] | None = None
    ) -> None:
        super().__init__(code, what, hint=hint)
        self.status = status
        self.known = known


@web.middleware
async def _problems_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    try:
        return await handler(request)
    except WorldProblem as problem:
        source = request.match_info.get("source", "")
        telemetry.intake_blocked(source=source, code=problem.code, why=problem.why)
        return _answer(503, problem)
    except _Refused as problem:
        return _refuse(request, problem.status, problem)
    except InputProblem as problem:
        return _refuse(request, 400, problem)


def _refuse(request: web.Request, status: int, problem: InputProblem) -> web.Response:
    # A source that we do not know is the caller's own text: it is neither logged nor counted by name.
    source = "unknown" if status == 404 else request.match_info.get("source", "")
    telemetry.webhook_refused(source=source, code=problem.code, status=status)
    return _answer(status, problem)


def _answer(status: int, problem: Problem) -> web.Response:
    # Where and why may speak of our disk; a stranger gets the code, the sentence and the way out.
    said: dict[str, object] = {"code": problem.code, "what": problem.what}
    if isinstance(problem, _Refused):
        said["hint"] = problem.hint
        if problem.known is not None:
            said["known"] = problem.known
    headers = {"Retry-After": str(RETRY_AFTER)} if status == 503 else None
    return web.json_response(said, status=status, headers=headers)


def _check_no_browser(request: web.Request) -> None:
    # A web page that someone has open on this machine could post to a local port; browsers add Origin to every
    # such request, webhooks never do.
    if "Origin" in request.headers:
        raise _Refused(403, "browser-refused", "Web pages may not post here.", "Post from a server.")


async def _read(request: web.Request) -> bytes:
    if (request.content_length or 0) > LARGEST_BODY:
        raise _too_large()
    try:
        async with asyncio.timeout(SLOWEST_BODY):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise _too_large() from error
    except TimeoutError as error:
        raise _Refused(408, "body-slow", "The body did not come in time.", "Send it again.") from error


def _too_large() -> _Refused:
    hint = f"Send at most {LARGEST_BODY} bytes at once."
    return _Refused(413, "body-too-large", "The body is too large.", hint)


def _check_signature(signature: Signature, source: str, request: web.Request, body: bytes) -> None:
    if signature.secret is None:
        hint = f"Set {signature.setting}."
        telemetry.webhook_secret_missing(source=source, hint=hint)
        raise _Refused(503, "webhook-secret-missing", f"{source} cannot be verified yet.", hint)
    given = request.headers.get(signature.header, "")
    if not given or not signature.verify(body, given, signature.secret.reveal()):
        raise _Refused(
            401,
            "signature-wrong",
            f"The signature in {signature.header} is missing or wrong.",
            f"Sign the body with the secret that {signature.setting} holds.",
        )
