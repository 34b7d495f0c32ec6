"""What a service says when it refuses. The API turns these into problem details, the admin into form errors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class ServiceError(Exception):
    """A refusal that a caller can act on. `detail` is a sentence for a person and never holds a secret."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class NotFoundError(ServiceError):
    """The thing that was named does not exist, or not for this caller."""


class ConflictError(ServiceError):
    """The request contradicts what is stored: a name that is taken, a state that forbids the deed.

    `retry_after` is the number of seconds after which it may be otherwise, where that is known.
    """

    def __init__(self, detail: str, *, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class PreconditionFailedError(ConflictError):
    """The thing is no longer in the version that the caller knows: what they are about to write would undo a change."""


class NotAllowedError(ServiceError):
    """The deed is not allowed at present, whoever asks for it."""


class LimitReachedError(ServiceError):
    """So much was done of it lately that no more is allowed for `seconds`."""

    def __init__(self, detail: str, seconds: int) -> None:
        super().__init__(detail)
        self.seconds = seconds


class InvalidInputError(ServiceError):
    """Fields are wrong. `errors` maps each field to the reasons, each with the way out."""

    def __init__(self, errors: Mapping[str, Sequence[str]]) -> None:
        self.errors = {field: list(reasons) for field, reasons in errors.items()}
        super().__init__("; ".join(f"{field}: {' '.join(reasons)}" for field, reasons in self.errors.items()))


class ProviderCallError(ServiceError):
    """A provider did not do what was asked of it. `detail` holds its own words.

    `result` is the class of the outcome (`integrations.providers.outcome.Result`), or `refused` where it took the
    credentials and refused what it was given; `errors` then names the parameter, where that is known. `retry_after` is in
    how many seconds the provider wants to be asked again, where it says so.
    """

    def __init__(
        self,
        detail: str,
        *,
        result: str,
        retry_after: float | None = None,
        errors: Mapping[str, Sequence[str]] | None = None,
    ) -> None:
        super().__init__(detail)
        self.result = result
        self.retry_after = retry_after
        self.errors = dict(errors or {})
