"""The services are fixtures of these tests."""

from tests.services.fixtures import (
    hadoop,
    hdfs_folder,
    s3_environment,
    s3_folder,
    seaweed,
    unavailable,
    upload,
)

__all__ = [
    "hadoop",
    "hdfs_folder",
    "s3_environment",
    "s3_folder",
    "seaweed",
    "unavailable",
    "upload",
]
