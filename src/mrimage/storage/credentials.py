"""Endpoints and credentials of object stores, from where each provider's own tools look for them.

obstore reads the providers' environment variables itself. This module adds what obstore leaves
out: the keys in the profiles of ``~/.aws/credentials`` and ``~/.aws/config``, and the endpoints
of single services.
"""

from __future__ import annotations

import configparser
import os
from pathlib import Path
from typing import TYPE_CHECKING

from mrimage.errors import UsageError
from mrimage.storage.settings import ADDRESSING, ENDPOINT, StoreSettings

if TYPE_CHECKING:
    from obstore.store import AzureConfig, GCSConfig, S3Config

_ADVICE = {
    "s3": "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY instead.",
    "gs": "Set GOOGLE_APPLICATION_CREDENTIALS instead.",
    "az": "Set AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY instead.",
}
_ENDPOINTS = {
    "s3": (ENDPOINT, "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT"),
    "gs": ("GOOGLE_BASE_URL", "STORAGE_EMULATOR_HOST"),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""Environment variables of each provider, in order of precedence."""

_TRUE = ("1", "true", "yes", "on", "y", "t")
"""The values that obstore takes for true."""


def endpoint(provider: str, settings: StoreSettings) -> str | None:
    """The address of the service, or None for the provider's own.

    ``provider`` is ``s3``, ``gs`` or ``az``. Raises UsageError for an address with credentials.
    """
    if provider == "s3" and settings.endpoint:
        return settings.endpoint
    for variable in _ENDPOINTS[provider]:
        address = os.environ.get(variable)
        if address:
            return _without_credentials(address, variable, provider)
    address = _profile().get("endpoint_url") if provider == "s3" else None
    if address is not None:
        return _without_credentials(address, "endpoint_url", provider)
    return None


def _without_credentials(address: str, variable: str, provider: str) -> str:
    if "@" in address:
        raise UsageError(f"{variable} must not contain credentials. {_ADVICE[provider]}")
    return address


def s3_config(bucket: str, settings: StoreSettings) -> S3Config:
    """Settings of S3 beyond what obstore takes from the environment."""
    config: S3Config = {}
    if not os.environ.get("AWS_ACCESS_KEY_ID") and not _has_web_identity():
        _add_profile_keys(config)
    region = os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")
    region = region or _profile().get("region")
    if region:
        config["region"] = region
    is_virtual = _is_virtual_hosted(settings)
    config["virtual_hosted_style_request"] = is_virtual
    address = endpoint("s3", settings)
    if address:
        config["endpoint"] = _bucket_address(address, bucket) if is_virtual else address
    return config


def _has_web_identity() -> bool:
    return bool(os.environ.get("AWS_WEB_IDENTITY_TOKEN_FILE"))


def _add_profile_keys(config: S3Config) -> None:
    profile = _profile()
    if "aws_access_key_id" in profile and "aws_secret_access_key" in profile:
        config["access_key_id"] = profile["aws_access_key_id"]
        config["secret_access_key"] = profile["aws_secret_access_key"]
        if "aws_session_token" in profile:
            config["session_token"] = profile["aws_session_token"]


def _is_virtual_hosted(settings: StoreSettings) -> bool:
    """Whether requests name the bucket in the host (``bucket.host``), not in the path."""
    addressing = settings.addressing or os.environ.get(ADDRESSING)
    if addressing:
        return addressing == "virtual"
    return os.environ.get("AWS_VIRTUAL_HOSTED_STYLE_REQUEST", "").lower() in _TRUE


def _bucket_address(address: str, bucket: str) -> str:
    """The virtual-hosted address of a bucket; obstore does not add the bucket's name itself.

    >>> _bucket_address("https://s3.example.org:9000", "photos")
    'https://photos.s3.example.org:9000'
    >>> _bucket_address("https://photos.s3.example.org", "photos")
    'https://photos.s3.example.org'
    """
    start, separator, host = address.rpartition("://")
    if host.startswith(f"{bucket}."):
        return address
    return f"{start}{separator}{bucket}.{host}"


def gcs_config(settings: StoreSettings) -> GCSConfig:
    """Settings of Google Cloud Storage beyond what obstore takes from the environment."""
    address = endpoint("gs", settings)
    if not address:
        return {}
    # STORAGE_EMULATOR_HOST is often a bare host and port.
    return {"base_url": address if "://" in address else f"http://{address}"}


def azure_config(settings: StoreSettings) -> AzureConfig:
    """Settings of Azure Blob Storage beyond what obstore takes from the environment."""
    address = endpoint("az", settings)
    return {"endpoint": address} if address else {}


def _profile() -> dict[str, str]:
    """The settings of AWS_PROFILE (or of ``default``).

    The credentials file takes precedence over the config file, as in the AWS tools.
    """
    name = os.environ.get("AWS_PROFILE") or "default"
    config_file = os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config"
    credentials_file = os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials"
    # The config file prefixes the sections of all profiles but the default one.
    config_section = name if name == "default" else f"profile {name}"
    settings: dict[str, str] = {}
    for file, section in ((config_file, config_section), (credentials_file, name)):
        parser = configparser.ConfigParser(interpolation=None)
        parser.read(Path(file).expanduser(), encoding="utf-8")
        if parser.has_section(section):
            settings.update(parser.items(section))
    return settings
