"""What can go wrong with S3, in words a user can act on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import aiohttp
from botocore import exceptions as boto
from fsspec.exceptions import FSTimeoutError

from tasks.errors import StorageError
from tasks.storage_local_listing import shown

_FORESEEN = (
    OSError,  # what s3fs makes of the service's own answers
    ValueError,
    boto.BotoCoreError,
    boto.ClientError,
    aiohttp.ClientError,
    asyncio.TimeoutError,
)

_ADVICE = {
    "NoSuchBucket": "there is no such bucket. Check its name and the endpoint",
    "InvalidBucketName": "that is not a valid name for a bucket",
    "NoSuchKey": "there is no such object",
    "404": "there is no such bucket or object. Check the name and the endpoint",
    "InvalidAccessKeyId": "the access key is not known there. Check AWS_ACCESS_KEY_ID or the "
    "profile",
    "SignatureDoesNotMatch": "the secret key is wrong. Check AWS_SECRET_ACCESS_KEY or the profile",
    "ExpiredToken": "the session has expired. Log in again",
    "RequestTimeTooSkewed": "this machine's clock is wrong",
    "AccessDenied": "access denied. These credentials lack the permission",
    "403": "access denied. The credentials are wrong or lack the permission",
    "PermanentRedirect": "the bucket is in another region. Set AWS_DEFAULT_REGION",
    "301": "the bucket is in another region. Set AWS_DEFAULT_REGION",
    "AuthorizationHeaderMalformed": "the bucket is in another region. Set AWS_DEFAULT_REGION",
    "PreconditionFailed": "it was changed meanwhile",
    "412": "it was changed meanwhile",
}

_ENDPOINT = "Check the network, and AWS_ENDPOINT_URL or --storage-option endpoint_url=..."


def code_of(error: BaseException) -> str:
    """The service's error code (`NoSuchKey`, `412`, ...) behind an exception, or ""."""
    for link in (error, error.__cause__, error.__context__):
        if isinstance(link, boto.ClientError):
            return str(link.response.get("Error", {}).get("Code", ""))
    return ""


def reason_of(error: BaseException) -> str:
    """One line: what was wrong and what to do."""
    code = code_of(error)
    if code in _ADVICE:
        return _ADVICE[code]
    if isinstance(error, boto.NoCredentialsError):
        return (
            "no credentials were found. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or "
            "AWS_PROFILE, or use --storage-option anon=true for a public bucket"
        )
    if isinstance(error, FSTimeoutError | asyncio.TimeoutError | boto.ConnectTimeoutError):
        return f"no answer in time. {_ENDPOINT}"
    if isinstance(error, boto.ReadTimeoutError):
        return f"the answer stopped coming. {_ENDPOINT}"
    text = " ".join(str(error).split()) or type(error).__name__
    if isinstance(error, boto.ConnectionError | boto.HTTPClientError | aiohttp.ClientError):
        return f"cannot be reached ({text}). {_ENDPOINT}"
    return f"{code}: {text}" if code else text


@contextmanager
def explained(what: str, uri: str) -> Iterator[None]:
    """Turn foreseeable errors of the block into a StorageError of one line."""
    try:
        yield
    except StorageError:
        raise
    except _FORESEEN as error:
        raise StorageError(f"{what} {shown(uri)}: {reason_of(error)}") from error
