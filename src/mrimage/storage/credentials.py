"""Endpoints and credentials of object stores, from where each provider's own tools look for them.

obstore reads the providers' environment variables itself; what it leaves out is here: the keys in the profiles of
``~/.aws/credentials`` and ``~/.aws/config``, and the endpoints of single services.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mrimage.errors import UsageError

if TYPE_CHECKING:
    from obstore.store import AzureConfig, GCSConfig, S3Config

_HOW_ELSE = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS.",
    "az": "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY.",
}
_ENDPOINTS = {
    "s3": ("MRIMAGE_S3_ENDPOINT", "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}


def endpoint(kind: str) -> str | None:
    """The address of the service where it is not the provider's own; ``kind`` is ``s3``, ``gs`` or ``az``."""
    found = {
        variable: os.environ[variable] for variable in _ENDPOINTS[kind] if os.environ.get(variable)
    }
    if not found and kind == "s3" and "endpoint_url" in _profile():
        found["endpoint_url"] = _profile()["endpoint_url"]
    for variable, address in found.items():
        if "@" in address:
            raise UsageError(f"Expected {variable} without credentials. {_HOW_ELSE[kind]}")
        return address
    return None


def s3_config(bucket: str) -> S3Config:
    """Settings of S3 beyond what obstore takes from the environment."""
    config: S3Config = {}
    if not os.environ.get("AWS_ACCESS_KEY_ID") and not os.environ.get(
        "AWS_WEB_IDENTITY_TOKEN_FILE"
    ):
        profile = _profile()
        if "aws_access_key_id" in profile and "aws_secret_access_key" in profile:
            config["access_key_id"] = profile["aws_access_key_id"]
            config["secret_access_key"] = profile["aws_secret_access_key"]
            if "aws_session_token" in profile:
                config["session_token"] = profile["aws_session_token"]
    region = (
        os.environ.get("AWS_REGION")
        or os.environ.get("AWS_DEFAULT_REGION")
        or _profile().get("region")
    )
    if region:
        config["region"] = region
    virtual = _is_virtual()
    config["virtual_hosted_style_request"] = virtual
    address = endpoint("s3")
    if address:
        config["endpoint"] = _of_bucket(address, bucket) if virtual else address
    return config


def _is_virtual() -> bool:
    addressing = os.environ.get("MRIMAGE_S3_ADDRESSING")
    if addressing:
        return addressing == "virtual"
    return os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in (
        "1",
        "true",
        "yes",
        "on",
        "y",
        "t",
    )


def _of_bucket(address: str, bucket: str) -> str:
    """The address at which a server answers for one bucket; obstore does not put the name in by itself.

    >>> _of_bucket("https://s3.example.org:9000", "photos"), _of_bucket("https://photos.s3.example.org", "photos")
    ('https://photos.s3.example.org:9000', 'https://photos.s3.example.org')
    """
    start, separator, host = address.rpartition("://")
    return address if host.startswith(f"{bucket}.") else f"{start}{separator}{bucket}.{host}"


def gcs_config() -> GCSConfig:
    """Settings of Google Cloud Storage beyond what obstore takes from the environment."""
    address = endpoint("gs")
    return {"base_url": address if "://" in address else f"http://{address}"} if address else {}


def azure_config() -> AzureConfig:
    """Settings of Azure Blob Storage beyond what obstore takes from the environment."""
    address = endpoint("az")
    return {"endpoint": address} if address else {}


def _profile() -> dict[str, str]:
    """The settings of AWS_PROFILE (or of ``default``), the credentials file before the config file."""
    name = os.environ.get("AWS_PROFILE") or "default"
    files = {
        os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config": name
        if name == "default"
        else f"profile {name}",
        os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials": name,
    }
    settings: dict[str, str] = {}
    for file, section in files.items():
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(Path(file).expanduser(), encoding="utf-8")
        if parser.has_section(section):
            settings.update(parser.items(section))
    return settings
