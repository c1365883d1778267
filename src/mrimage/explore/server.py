"""The server of the page: Starlette on loopback, reading OUT and writing only the user's marks."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from mrimage.errors import MrimageError, UsageError
from mrimage.explore import parts
from mrimage.explore.marks import MarksFile
from mrimage.explore.packing import pack, pack_flags, unpack_flags
from mrimage.explore.page_files import read_asset
from mrimage.explore.pictures import (
    CHILDREN,
    LARGEST,
    THUMBNAIL,
    Painter,
    PictureWanted,
    painting,
    why_not,
)
from mrimage.explore.pile import Pile
from mrimage.explore.security import Gate, new_token
from mrimage.explore.selected import EXPORTS
from mrimage.sink.shards import output_uri
from mrimage.storage import Store, StoreSettings

MOST_ROWS = 1000
"""The most rows of one request."""

MEDIA = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
}

BINARY = "application/octet-stream"


@dataclass(frozen=True)
class Served:
    """What the server answers from."""

    pile: Pile
    store: Store
    painter: Painter
    marks: MarksFile


def make_app(served: Served) -> Starlette:
    """Return the application without its gate."""
    routes = _Routes(served)
    return Starlette(
        routes=[
            Route("/", routes.page),
            Route("/assets/{name}", routes.asset),
            Route("/data/start", routes.start),
            Route("/data/{part}", routes.part),
            Route("/data/{part}/{name:path}", routes.part),
            Route("/api/rows", routes.rows, methods=["POST"]),
            Route("/api/outputs", routes.outputs, methods=["POST"]),
            Route("/api/messages", routes.messages, methods=["POST"]),
            Route("/api/facts", routes.facts, methods=["POST"]),
            Route("/api/near/{row:int}", routes.near),
            Route("/api/match", routes.match),
            Route("/api/marks", routes.change_marks, methods=["POST"]),
            Route("/api/export/{form}", routes.export, methods=["POST"]),
            Route("/picture/{row:int}", routes.picture),
            Route("/made/{row:int}/{number:int}", routes.made),
        ],
        exception_handlers={MrimageError: _explain},
    )


class _Routes:
    """The functions behind the urls. Starlette runs those without ``async`` in threads."""

    def __init__(self, served: Served) -> None:
        self._served = served
        self._pile = served.pile
        self._turns = asyncio.Semaphore(CHILDREN)
        self._parts: Mapping[str, Callable[[str], bytes]] = {
            "filter": lambda name: parts.filter_part(self._pile, name),
            "order": lambda name: parts.order_part(self._pile, name),
            "copies": lambda _: parts.copies_part(self._pile),
            "map": lambda _: parts.map_part(self._pile),
            "edited": lambda _: parts.edited_part(self._pile),
            "marks": lambda _: self._marks(),
        }

    def page(self, _: Request) -> Response:
        return _asset_response("index.html")

    def asset(self, request: Request) -> Response:
        return _asset_response(request.path_params["name"])

    def start(self, _: Request) -> Response:
        return _json(parts.start(self._pile, live=True, marks_path=self._served.marks.path))

    def part(self, request: Request) -> Response:
        make = self._parts.get(request.path_params["part"])
        if make is None:
            return PlainTextResponse("There is no such part.", 404)
        return Response(make(request.path_params.get("name", "")), media_type=BINARY)

    async def rows(self, request: Request) -> Response:
        return await self._of_rows(request, self._pile.tiles)

    async def outputs(self, request: Request) -> Response:
        return await self._of_rows(request, self._pile.lineage)

    async def messages(self, request: Request) -> Response:
        return await self._of_rows(request, self._pile.messages)

    async def _of_rows(self, request: Request, find: Callable[[list[int]], object]) -> Response:
        rows = _decoded(await request.body(), list[int])
        if len(rows) > MOST_ROWS:
            raise UsageError(f"One request gets {MOST_ROWS} rows at most.")
        return _json(await asyncio.to_thread(find, rows))

    async def facts(self, request: Request) -> Response:
        return await self._of_rows(request, self._pile.details)

    def near(self, request: Request) -> Response:
        return _json(self._pile.near(request.path_params["row"]))

    def match(self, request: Request) -> Response:
        condition = request.query_params.get("sql", "").strip()
        if condition:
            found = self._pile.matching(condition)
        else:
            found = self._pile.search(request.query_params.get("words", ""))
        packed = pack({"count": int(found.sum())}, {"flags": pack_flags(found)})
        return Response(packed, media_type=BINARY)

    def _marks(self) -> bytes:
        return parts.marks_part(self._pile, self._served.marks.read())

    async def change_marks(self, request: Request) -> Response:
        chosen = self._chosen(await request.body())
        asked = request.query_params

        def change() -> bytes:
            uris = (self._pile.uri(int(row)) for row in chosen.nonzero()[0])
            marks = self._served.marks.change(
                uris,
                mark=asked.get("mark"),
                tag=asked.get("tag", "").strip(),
                untag=asked.get("untag", ""),
            )
            return parts.marks_part(self._pile, marks)

        return Response(await asyncio.to_thread(change), media_type=BINARY)

    async def export(self, request: Request) -> Response:
        form = EXPORTS.get(request.path_params["form"])
        if form is None:
            return PlainTextResponse("There is no such form.", 404)
        name, media_type, write = form
        chosen = self._chosen(await request.body())
        headers = {"content-disposition": f'attachment; filename="{name}"'}
        return StreamingResponse(write(self._pile, chosen), media_type=media_type, headers=headers)

    def _chosen(self, body: bytes) -> Any:
        if len(body) != -(-self._pile.count // 8):
            raise UsageError("The selection does not fit this catalogue. Load the page again.")
        return unpack_flags(body, self._pile.count)

    async def picture(self, request: Request) -> Response:
        row = request.path_params["row"]
        side = _whole(request.query_params.get("side", str(THUMBNAIL)), LARGEST)
        crop = request.query_params.get("crop")
        uri = await asyncio.to_thread(self._pile.uri, row)
        version = await asyncio.to_thread(self._pile.version, row)
        wanted = PictureWanted(uri, version, side, _crop(crop) if crop else None)
        return await self._painted(request, wanted)

    async def made(self, request: Request) -> Response:
        outputs = await asyncio.to_thread(self._pile.outputs_of, request.path_params["row"])
        number = request.path_params["number"]
        if number >= len(outputs):
            raise UsageError("There is no such output.")
        uri = output_uri(self._served.store, outputs[number]["output"])
        side = _whole(request.query_params.get("side", str(THUMBNAIL)), LARGEST)
        # A run gives an output of other content the same name, so its start stands for a version.
        version = f"{outputs[number]['bytes']} {self._pile.facts.started}"
        return await self._painted(request, PictureWanted(uri, version, side))

    async def _painted(self, request: Request, wanted: PictureWanted) -> Response:
        painter = self._served.painter
        loop = asyncio.get_running_loop()
        async with self._turns:
            # Scrolling asks for pictures that are out of sight before their turn comes.
            if await request.is_disconnected():
                return Response(status_code=499)
            try:
                data = await loop.run_in_executor(painter.threads, painter.paint, wanted)
            except MrimageError as error:
                return PlainTextResponse(why_not(error), 404)
        headers = {"cache-control": "private, max-age=3600"}
        return Response(data, media_type="image/jpeg", headers=headers)


def _explain(_: Request, error: Exception) -> Response:
    return _json({"error": str(error)}, 400)


def _json(value: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _decoded(body: bytes, type_: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=type_)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"The request cannot be read: {error}") from error


def _whole(text: str, most: int) -> int:
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= most:
        raise UsageError(f"A size is a whole number from 1 to {most}.")
    return int(text)


def _crop(text: str) -> tuple[int, int, int, int]:
    numbers = text.split(",")
    if len(numbers) != 4 or not all(one.isascii() and one.isdigit() for one in numbers):
        raise UsageError("A rectangle is x,y,width,height in pixels.")
    x, y, width, height = map(int, numbers)
    if not (0 < width <= LARGEST and 0 < height <= LARGEST):
        raise UsageError(f"A rectangle has at most {LARGEST} pixels a side.")
    return x, y, width, height


def _asset_response(name: str) -> Response:
    content = read_asset(name)
    media_type = MEDIA.get(Path(name).suffix)
    if content is None or media_type is None:
        return PlainTextResponse("There is no such file.", 404)
    return Response(content, media_type=media_type)


class Explorer:
    """A server on its socket. ``url`` has the token; ``run`` answers until it is interrupted."""

    def __init__(self, served: Served, host: str, port: int) -> None:
        """Raises UsageError if the port cannot be had."""
        try:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            self._socket = socket.create_server((host, port), family=family)
        except OSError as error:
            raise UsageError(
                f"Port {port} of {host} cannot be used: {error.strerror}. Choose another --port."
            ) from error
        real_port = self._socket.getsockname()[1]
        name = f"[{host}]" if ":" in host else host
        token = new_token()
        self.url = f"http://{name}:{real_port}/?token={token}"
        gate = Gate(make_app(served), token, real_port, name)
        config = uvicorn.Config(
            gate,
            log_level="warning",
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
            lifespan="off",
        )
        self._server = uvicorn.Server(config)

    def run(self) -> None:
        """Answer requests until Ctrl-C, or ``stop``."""
        self._server.run(sockets=[self._socket])

    def stop(self) -> None:
        """End ``run``, from another thread."""
        self._server.should_exit = True


def open_explorer(
    stack: ExitStack,
    pile: Pile,
    store: Store,
    marks: MarksFile,
    settings: StoreSettings,
    host: str = "127.0.0.1",
    port: int = 0,
) -> Explorer:
    """Return a server whose children end with ``stack``."""
    painter = stack.enter_context(painting(settings))
    # Starting the children takes a second, in which the page is loaded.
    for row in range(min(pile.count, CHILDREN)):
        painter.threads.submit(_paint_row, painter, pile, row)
    return Explorer(Served(pile, store, painter, marks), host, port)


def _paint_row(painter: Painter, pile: Pile, row: int) -> bytes:
    return painter.paint(PictureWanted(pile.uri(row), pile.version(row)))
