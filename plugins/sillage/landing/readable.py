"""The content of a file of the landing zone, or one sentence why it cannot be read."""

from __future__ import annotations

from ..reading import rejection
from ..reading.decompression import FileBytes
from .zone import Found, LandingError, UnreadableError, Zone, shown


class Readable:
    """The content of a file; whatever keeps it from being read becomes an UnreadableError that names it."""

    def __init__(self, zone: Zone, file: Found) -> None:
        self._zone, self._path = zone, file.path

    def __enter__(self) -> FileBytes:
        try:
            self._file = self._zone.open(self._path)
        except LandingError:
            raise  # a zone's own sentence
        except OSError as error:
            raise self._unreadable(error) from error
        return FileBytes(self._file)

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._file.close()
        if isinstance(error, OSError) and not isinstance(error, LandingError):
            raise self._unreadable(error) from error

    def _unreadable(self, error: OSError) -> UnreadableError:
        return UnreadableError(
            f"The file {shown(self._path)} of the landing zone cannot be read ({error.strerror or error}), so nothing new of its"
            " hour was landed: give the user that runs Airflow the right to read it, then clear the task."
        )


def reason_unread(content: FileBytes) -> str | None:
    """Why a file was not read, or not to its end, where that is one rejected record more."""
    if content.unknown_compression:
        return rejection.UNKNOWN_COMPRESSION
    if content.unknown_encoding:
        return rejection.UTF_16
    return rejection.EXPANDS_TOO_FAR if content.expands_too_far else None
