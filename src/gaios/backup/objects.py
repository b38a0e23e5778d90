"""Backups in S3, GCS or Azure, through obstore, which takes its settings from the environment: AWS_ENDPOINT, AWS_ACCESS_KEY_ID, …"""

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

from gaios.backup.stores import OBJECT_BYTES_MAX, Found, too_large, unavailable
from gaios.errors import ConfigurationError, Error

try:
    import obstore
    from obstore.exceptions import (
        AlreadyExistsError,
        BaseError,
        NotFoundError,
        PermissionDeniedError,
        PreconditionError,
        UnauthenticatedError,
    )
    from obstore.store import from_url
except ModuleNotFoundError:
    raise ConfigurationError(reason="a store of objects needs obstore, which is missing", hint="pip install 'obstore>=0.10'") from None

if TYPE_CHECKING:
    from obstore import UpdateVersion
    from obstore.store import ObjectStore as Theirs

RETRIES: Final = 5
RETRY_S: Final = 30
DELETE_AT_ONCE: Final = 500
_FAILURES: Final = (BaseError, OSError, NotImplementedError)


class ObjectStore:
    """See `stores.Store`."""

    def __init__(self, url: str, store: "Theirs | None" = None) -> None:
        """`store`: one that is made already, whatever the URL says.

        Raises:
            ConfigurationError: the URL, or the settings in the environment, make none.
        """
        self.url = url
        try:
            retry: Any = {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)}
            self._store = store if store is not None else from_url(url, retry_config=retry)
        except (BaseError, ValueError) as error:
            raise ConfigurationError(
                reason=f"{url} cannot be opened: {error}", hint="see docs/operations/backup.md for its settings"
            ) from None

    def get(self, name: str, limit: int = OBJECT_BYTES_MAX) -> Found | None:
        """See `Store`."""
        try:
            answer = obstore.get(self._store, name)
            if answer.meta["size"] > limit:
                raise too_large(name, limit)
            version: UpdateVersion = {}
            if answer.meta["e_tag"] is not None:
                version["e_tag"] = answer.meta["e_tag"]
            if answer.meta["version"] is not None:
                version["version"] = answer.meta["version"]
            return Found(bytes(answer.bytes()), version)
        except (FileNotFoundError, NotFoundError):
            return None
        except _FAILURES as error:
            raise self._failed("read", name, error) from None

    def put(self, name: str, data: bytes) -> None:
        """See `Store`."""
        try:
            obstore.put(self._store, name, data, use_multipart=False)
        except _FAILURES as error:
            raise self._failed("write", name, error) from None

    def create(self, name: str, data: bytes) -> bool:
        """See `Store`."""
        return self._put_if("create", name, data, "create")

    def replace(self, name: str, data: bytes, version: Any) -> bool:  # noqa: ANN401 (as there)
        """See `Store`."""
        if not version:
            raise ConfigurationError(reason=f"{self.url} names no versions of an object, so that none can be replaced under a condition")
        return self._put_if("replace", name, data, version)

    def names(self) -> list[str]:
        """See `Store`."""
        try:
            return sorted(meta["path"] for page in obstore.list(self._store) for meta in page)
        except _FAILURES as error:
            raise self._failed("list", "", error) from None

    def delete(self, names: Iterable[str]) -> None:
        """See `Store`."""
        left = list(names)
        while left:
            some, left = left[:DELETE_AT_ONCE], left[DELETE_AT_ONCE:]
            try:
                obstore.delete(self._store, some)
            except (FileNotFoundError, NotFoundError):
                pass
            except _FAILURES as error:
                raise self._failed("delete", some[0], error) from None

    def _put_if(self, what: str, name: str, data: bytes, mode: Any) -> bool:  # noqa: ANN401 (obstore's)
        try:
            obstore.put(self._store, name, data, mode=mode, use_multipart=False)
        except (AlreadyExistsError, PreconditionError, FileNotFoundError, NotFoundError):
            return False
        except _FAILURES as error:
            raise self._failed(what, name, error) from None
        return True

    def _failed(self, what: str, name: str, error: Exception) -> Error:
        told = f"cannot {what} {name or 'objects'} in {self.url}: {str(error).split(chr(10))[0]}"
        if isinstance(error, NotImplementedError):
            return ConfigurationError(reason=f"{self.url} cannot put under a condition", hint="use S3, GCS, Azure, or file:///DIR")
        if isinstance(error, (PermissionDeniedError, UnauthenticatedError, PermissionError)):
            return ConfigurationError(reason=told, hint="see docs/operations/backup.md for its settings and the rights it needs")
        return unavailable(told)
