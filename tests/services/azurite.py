"""A near-real Azure Blob Storage: Microsoft's emulator Azurite, one process, from npm."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import shutil
import subprocess
from email.utils import formatdate
from pathlib import Path

from tests.services.process import Server, ServiceError, free_ports, is_open

VERSION = (
    "3.33.0"  # the last that asks for no newer Node.js than Debian has, and that sends no telemetry
)
CACHE = Path(__file__).parents[2] / ".cache" / f"azurite-{VERSION}"
MAIN = CACHE / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"

ACCOUNT = "mrimagetests"
SECRET_KEY = base64.b64encode(b"a key of the tests, worth nothing").decode()


def missing_tool() -> str | None:
    """What keeps Azurite from being started here, or None."""
    if not shutil.which("node"):
        return "node is not installed"
    return (
        None
        if MAIN.exists() or shutil.which("npm")
        else "npm is not installed, so Azurite cannot be fetched"
    )


def fetch() -> None:
    """Have npm put the pinned Azurite into a folder that git ignores, once."""
    if MAIN.exists():
        return
    CACHE.mkdir(parents=True, exist_ok=True)
    command = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--prefix",
        str(CACHE),
        f"azurite@{VERSION}",
    ]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode or not MAIN.exists():
        raise ServiceError(f"npm could not fetch Azurite: {done.stderr[-500:]}")


class Azurite:
    """The server below ``folder``, with one account; what it holds is in memory."""

    def __init__(self, folder: Path) -> None:
        fetch()
        (self.port,) = free_ports(1)
        self.endpoint = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        command = ["node", str(MAIN), "--inMemoryPersistence", "--silent", "--skipApiVersionCheck",
                   "--blobHost", "127.0.0.1", "--blobPort", str(self.port)]  # fmt: skip
        self.server = Server(
            "azurite", command, folder, {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{SECRET_KEY}"}
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which any client of Azure's finds this server."""
        return {
            "AZURE_STORAGE_ENDPOINT": self.endpoint,
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": SECRET_KEY,
        }

    def start(self) -> None:
        self.server.start()
        self.server.wait_until(lambda: is_open(self.port))

    def make_container(self, name: str) -> None:
        """Make the container ``name``, by a request signed with the account's key."""
        now = formatdate(usegmt=True)
        headers = {"x-ms-date": now, "x-ms-version": "2021-08-06"}
        signed = "".join(f"{key}:{value}\n" for key, value in sorted(headers.items()))
        path = f"/{ACCOUNT}/{name}"
        # Verb, eleven standard headers of which none is sent, ours, and the resource (Azure's "Shared Key" scheme).
        text = "PUT" + 12 * "\n" + f"{signed}/{ACCOUNT}{path}\nrestype:container"
        digest = hmac.digest(base64.b64decode(SECRET_KEY), text.encode(), hashlib.sha256)
        headers["Authorization"] = f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request(
                "PUT", f"{path}?restype=container", headers={**headers, "Content-Length": "0"}
            )
            answer = connection.getresponse()
            assert answer.status == 201, answer.read()
        finally:
            connection.close()

    def stop(self) -> None:
        self.server.kill()  # nothing here is worth a slow shutdown
