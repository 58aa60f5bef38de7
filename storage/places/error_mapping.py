"""A mapping from the errors of the storage libraries to transient and permanent errors.

The clients of Google and Amazon raise errors of half a dozen libraries, of which a process may have
only some. So errors are recognised by their text and the names of their classes, without an import.
"""

# 409: two conditional writes at once, of which S3 may reject both
_TRANSIENT_STATUS = {408, 409, 425, 429}
_NOT_IMPLEMENTED = 501  # the answer of servers with S3's interface but no conditional writes
# error codes of S3 that come with status 400
_TRANSIENT_CODES = {"BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentSHA256Mismatch"}
_TRANSIENT_CLASSES = {
    "aiohttp.ClientError",
    "botocore.ConnectionError",
    "botocore.HTTPClientError",
    "botocore.IncompleteReadError",
    "botocore.ResponseParserError",
    "google.TransportError",
    "json.JSONDecodeError",  # an answer that was cut short
    "requests.RequestException",
    "urllib3.HTTPError",
}
_CREDENTIALS_CLASSES = {
    "botocore.CredentialRetrievalError",
    "botocore.NoCredentialsError",
    "botocore.PartialCredentialsError",
    "botocore.ProfileNotFound",
    "google.GoogleAuthError",
}


class TransientError(Exception):
    """An error after which another try may succeed."""


class PermanentError(Exception):
    """An error after which another try would fail too.

    `credentials`: because storage does not accept the credentials.
    """

    def __init__(self, reason: str, credentials: bool = False) -> None:
        self.credentials = credentials
        super().__init__(reason)


def classify_error(error: Exception) -> Exception:
    """Return a FileNotFoundError, FileExistsError, TransientError or PermanentError for an error.

    An error that is not from storage is returned as it is.
    """
    if isinstance(error, FileNotFoundError | FileExistsError | TransientError | PermanentError):
        return error
    status, code = _status_and_code(error)
    if status is not None:
        return _by_status(error, status, code)
    classes = {
        f"{base.__module__.partition('.')[0]}.{base.__name__}" for base in type(error).__mro__
    }
    if classes & _CREDENTIALS_CLASSES and not getattr(error, "retryable", False):
        return (
            TransientError(_message(error))
            if classes & _TRANSIENT_CLASSES
            else PermanentError(_message(error), credentials=True)
        )
    # "Forbidden: " and "Bad Request: " come from gcsfs
    if isinstance(error, PermissionError) or str(error).startswith("Forbidden: "):
        return PermanentError(_message(error), credentials=True)
    if str(error).startswith("Bad Request: "):
        return PermanentError(_message(error))
    if (
        isinstance(error, OSError | TimeoutError)
        or classes & _TRANSIENT_CLASSES
        or hasattr(error, "retryable")
    ):
        return TransientError(_message(error))
    # errors before a request is sent, for example a wrong endpoint
    if isinstance(error, ValueError) or "botocore.BotoCoreError" in classes:
        return PermanentError(_message(error))
    return error


def _by_status(error: Exception, status: int, code: str) -> Exception:
    if status == 404:
        return FileNotFoundError(_message(error))
    if status == 412:
        return FileExistsError(_message(error))
    if (
        status in _TRANSIENT_STATUS
        or (status >= 500 and status != _NOT_IMPLEMENTED)
        or code in _TRANSIENT_CODES
    ):
        return TransientError(f"{status} {_message(error)}")
    return PermanentError(f"{status} {_message(error)}", credentials=status in (401, 403))


def _status_and_code(error: BaseException | None) -> tuple[int | None, str]:
    """Return the HTTP status and S3's error code; None and "" if there was no answer."""
    while error is not None:
        response = getattr(error, "response", None)  # botocore's
        if isinstance(response, dict) and "ResponseMetadata" in response:
            return response["ResponseMetadata"].get("HTTPStatusCode"), str(
                response.get("Error", {}).get("Code", "")
            )
        code = getattr(error, "code", None)  # gcsfs's
        if type(error).__name__ == "HttpError" and str(code).isdigit():
            return int(str(code)), ""
        error = error.__cause__
    return None, ""


def _message(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ").replace("\n", " ")
