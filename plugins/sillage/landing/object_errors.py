"""What goes wrong with an object store, as one sentence: which bucket and folder, what is wrong, and what to do.

Each store's client has exceptions of its own, which name neither. Here they are told apart by the store's code, the HTTP
status and the exception's name, so that no client has to be there.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .zone import LandingError, UnreadableError, shown

# The provider of Airflow that knows a scheme, and our extra that brings it.
PACKAGES = {
    "s3": ("apache-airflow-providers-amazon[s3fs]", "s3"),
    "s3a": ("apache-airflow-providers-amazon[s3fs]", "s3"),
    "gs": ("apache-airflow-providers-google", "gcs"),
    "gcs": ("apache-airflow-providers-google", "gcs"),
    "abfs": ("apache-airflow-providers-microsoft-azure", "azure"),
    "abfss": ("apache-airflow-providers-microsoft-azure", "azure"),
    "adl": ("apache-airflow-providers-microsoft-azure", "azure"),
}
CONNECTIONS = {"s3": "aws_default", "gcs": "google_cloud_default", "azure": "wasb_default"}
RIGHTS = {
    "s3": "s3:ListBucket on the bucket and s3:GetObject below the folder",
    "gcs": "storage.objects.list and storage.objects.get (the role Storage Object Viewer)",
    "azure": "the role Storage Blob Data Reader",
}

_CREDENTIALS = {
    "InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "ExpiredToken", "TokenRefreshRequired", "NoAuthenticationInformation",
    "AuthenticationFailed", "NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "ProfileNotFound",
    "TokenRetrievalError", "UnauthorizedSSOTokenError", "DefaultCredentialsError", "RefreshError", "ClientAuthenticationError",
    "401",
}  # fmt: skip
_DENIED = {
    "AccessDenied",
    "AllAccessDisabled",
    "AuthorizationPermissionMismatch",
    "AuthorizationFailure",
    "PermissionError",
    "403",
}
_NO_BUCKET = {"NoSuchBucket", "InvalidBucketName", "ContainerNotFound", "ParamValidationError"}
_REGION = {"PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "301", "307"}
_CLOCK = {"RequestTimeTooSkewed"}
_BUSY = {
    "SlowDown",
    "ServiceUnavailable",
    "RequestTimeout",
    "InternalError",
    "ServerBusy",
    "429",
    "500",
    "502",
    "503",
    "504",
}
_UNREACHED = {
    "EndpointConnectionError", "ConnectTimeoutError", "ReadTimeoutError", "ConnectionClosedError", "HTTPClientError",
    "ClientConnectorError", "ClientConnectionError", "ClientPayloadError", "ServerDisconnectedError", "ResponseStreamingError",
    "IncompleteReadError", "ServiceRequestError", "ServiceResponseError", "ConnectionError", "ConnectionRefusedError",
    "ConnectionResetError", "TimeoutError", "gaierror", "SSLError", "ProxyConnectionError",
}  # fmt: skip
_ARCHIVED = {"InvalidObjectState", "BlobArchived"}
_CHANGED = {"PreconditionFailed", "ConditionNotMet", "FileExpired", "412"}
_GONE = {"NoSuchKey", "NoSuchVersion", "BlobNotFound", "FileNotFoundError", "404"}
_EMPTY = {"InvalidRange", "416"}


def opened(location: str) -> tuple[Any, str]:
    """The file system that Airflow has for `location` and the path of the zone in it. Raises LandingError with what to do."""
    from airflow.sdk import ObjectStoragePath
    from airflow.sdk.io import fs

    scheme = location.partition("://")[0]
    try:
        is_known = fs.has_fs(scheme)
    except Exception as error:
        raise _unopened(location, f"({_said(error)})") from error
    if not is_known:
        raise _unopened(location, f"because no package is installed that knows {scheme}://")
    try:
        path = ObjectStoragePath(location)
        return path.fs, str(path.path).rstrip("/")
    except ImportError as error:
        raise _unopened(location, f"({_said(error)})") from error
    except Exception as error:
        raise unlisted(location, "", error) from error


def missing(location: str) -> LandingError:
    """There is nothing at all below the zone's folder."""
    return LandingError(
        f"The landing zone {shown(location)} cannot be listed (there is no such folder in {_bucket(location)}, or nothing below"
        " it): correct SILLAGE_LANDING, or put the first file at <source>/<YYYY-MM-DD>/<HH>/ below it; then clear the task."
    )


def unlisted(location: str, folder: str, error: BaseException) -> LandingError:
    """`folder` of the zone cannot be listed because of `error`."""
    place = (
        f"The folder {shown(folder)} of the landing zone {shown(location)}"
        if folder
        else f"The landing zone {shown(location)}"
    )
    names = set(_names(error))
    if names & _GONE and not names & _NO_BUCKET:
        if location.startswith(("file://", "local://")):
            return LandingError(f"{place} cannot be listed (it is not there): create it, or correct SILLAGE_LANDING.")
        if not folder and "/" in location.partition("://")[2]:
            return missing(location)
        names.add("NoSuchBucket")
    return _told(f"{place} cannot be listed", location, names, error, "")


def unreadable(location: str, path: str, error: BaseException) -> LandingError:
    """The object at `path` of the zone cannot be read because of `error`."""
    place = f"The file {shown(path)} of the landing zone {shown(location)} cannot be read"
    return _told(place, location, set(_names(error)), error, ", so nothing new of its hour was landed")


def cut(location: str, path: str, read: int, size: int) -> UnreadableError:
    """The object at `path` gave `read` of its `size` bytes."""
    return UnreadableError(
        f"The file {shown(path)} of the landing zone {shown(location)} cannot be read (it ended after {read} of {size} bytes), so"
        " nothing new of its hour was landed: clear the task, which reads it again."
    )


def replaced(location: str, path: str) -> UnreadableError:
    """The object at `path` is another one at its end than at its beginning."""
    return UnreadableError(
        f"The file {shown(path)} of the landing zone {shown(location)} cannot be read (it was replaced while it was read), so"
        " nothing new of its hour was landed: let whoever writes give each file a name of its own, then clear the task."
    )


def is_empty_range(error: BaseException) -> bool:
    """Whether `error` says that an object has no byte of what was asked for."""
    return not _EMPTY.isdisjoint(_names(error))


def _unopened(location: str, reason: str) -> LandingError:
    scheme = location.partition("://")[0]
    if scheme in PACKAGES:
        package, extra = PACKAGES[scheme]
        remedy = f"install {package} (pip install 'sillage[{extra}]') wherever Airflow runs tasks"
    else:
        remedy = f"use one of {', '.join(f'{known}://' for known in PACKAGES)}, or a folder"
    return LandingError(f"The landing zone {shown(location)} cannot be opened {reason}: {remedy}.")


def _told(place: str, location: str, names: set[str], error: BaseException, outcome: str) -> LandingError:
    """The sentence for an error of a store that goes by `names`. What another try may heal is an UnreadableError."""
    bucket = _bucket(location)
    connection, rights = _access(location)
    for known, kind, reason, remedy in (
        (_CREDENTIALS, LandingError, "the store does not know the credentials", f"correct those of {connection}, which may have"
         f" expired, and let them have {rights}"),
        (_REGION, LandingError, f"{bucket} lies in another region", f"set region_name in the extra of {connection} to its region"),
        (_CLOCK, LandingError, "the store finds this machine's clock wrong", "set the clock"),
        (_ARCHIVED, UnreadableError, "it is archived", "restore it, or move it away"),
        (_NO_BUCKET, LandingError, f"there is no such bucket as {bucket.removeprefix('the bucket ')}", "correct SILLAGE_LANDING, or"
         f" create the bucket where {connection} looks for it"),
        (_BUSY, UnreadableError, "the store asks for fewer requests, or is out of order", "wait"),
        (_CHANGED, UnreadableError, "it was replaced while it was read", "let whoever writes give each file a name of its own"),
        (_DENIED, LandingError, "access is denied", f"give {connection} {rights}"),
        (_GONE, UnreadableError, "it was listed, and is no longer there", "let nobody delete files of the last days"),
        (_UNREACHED, UnreadableError, "the store does not answer, or broke off", f"check the network, and endpoint_url in the extra of"
         f" {connection}"),
    ):  # fmt: skip
        if names & known:
            return kind(f"{place} ({reason}: {_said(error)}){outcome}: {remedy}, then clear the task.")
    return LandingError(
        f"{place} ({_said(error)}){outcome}: check SILLAGE_LANDING, {bucket} and {connection}; then clear the task."
    )


def _bucket(location: str) -> str:
    return f"the bucket {shown(location.partition('://')[2].partition('/')[0].rpartition('@')[2])}"


def _access(location: str) -> tuple[str, str]:
    """The Airflow connection that `location` is reached by, and the rights that it needs, as words."""
    scheme, _, rest = location.partition("://")
    _, extra = PACKAGES.get(scheme, ("", ""))
    named = rest.partition("/")[0].rpartition("@")[0] or CONNECTIONS.get(extra, "")
    connection = f"the Airflow connection {shown(named)}" if named else "its Airflow connection"
    return connection, RIGHTS.get(extra, "the right to list and to read")


def _names(error: BaseException) -> Iterator[str]:
    """What `error` and its causes go by: the store's codes, HTTP statuses, and the names of their classes."""
    for one in _chain(error):
        yield from (kind.__name__ for kind in type(one).__mro__)
        response = getattr(one, "response", None)
        if isinstance(response, dict):
            yield str(response.get("Error", {}).get("Code", ""))
            yield str(response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
        for attribute in ("code", "status_code", "error_code", "status"):
            value = getattr(one, attribute, None)
            if isinstance(value, (int, str)):
                yield str(value)


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    one: BaseException | None = error
    while one is not None and id(one) not in seen:
        seen.add(id(one))
        yield one
        one = one.__cause__ or one.__context__


def _said(error: BaseException) -> str:
    """What the store said, on one line and cut."""
    code = ""
    for one in _chain(error):
        response = getattr(one, "response", None)
        if isinstance(response, dict) and response.get("Error", {}).get("Code"):
            code = f"{response['Error']['Code']}, "
            break
    return shown(f"{code}{type(error).__name__}: {error}".rstrip(": "))
