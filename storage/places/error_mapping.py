"""Classify what the storage libraries raise into errors that may pass and errors that will not.

The clients of Google and Amazon raise errors of half a dozen libraries, of which a process may have
only some. So errors are known by their text and the names of their classes, and nothing is imported
for that.
"""

# 409: two conditional writes at once, of which S3 lets neither through
_PASSING_STATUS = {408, 409, 425, 429}
_CANNOT = 501  # as servers answer that speak like S3 and do not know conditional writes
# all of them 400
_PASSING_CODES = {"BadDigest", "IncompleteBody", "RequestTimeout", "XAmzContentSHA256Mismatch"}
_PASSING_CLASSES = {
    "aiohttp.ClientError",
    "botocore.ConnectionError",
    "botocore.HTTPClientError",
    "botocore.IncompleteReadError",
    "botocore.ResponseParserError",
    "google.TransportError",
    "json.JSONDecodeError",  # an answer that was cut
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

    `credentials`: storage does not accept the credentials.
    """

    def __init__(self, reason: str, credentials: bool = False) -> None:
        self.credentials = credentials
        super().__init__(reason)


def classify_error(error: Exception) -> Exception:
    """Return FileNotFoundError, FileExistsError, TransientError or PermanentError.

    An error that is not from storage is returned as it is.
    """
    if isinstance(error, FileNotFoundError | FileExistsError | TransientError | PermanentError):
        return error
    status, code = _answer(error)
    if status is not None:
        return _by_status(error, status, code)
    classes = {
        f"{each.__module__.partition('.')[0]}.{each.__name__}" for each in type(error).__mro__
    }
    if classes & _CREDENTIALS_CLASSES and not getattr(error, "retryable", False):
        return (
            TransientError(_said(error))
            if classes & _PASSING_CLASSES
            else PermanentError(_said(error), credentials=True)
        )
    # the latter from gcsfs
    if isinstance(error, PermissionError) or str(error).startswith("Forbidden: "):
        return PermanentError(_said(error), credentials=True)
    if str(error).startswith("Bad Request: "):
        return PermanentError(_said(error))
    if (
        isinstance(error, OSError | TimeoutError)
        or classes & _PASSING_CLASSES
        or hasattr(error, "retryable")
    ):
        return TransientError(_said(error))
    # no request was made of it
    if isinstance(error, ValueError) or "botocore.BotoCoreError" in classes:
        return PermanentError(_said(error))
    return error


def _by_status(error: Exception, status: int, code: str) -> Exception:
    if status == 404:
        return FileNotFoundError(_said(error))
    if status == 412:
        return FileExistsError(_said(error))
    if status in _PASSING_STATUS or (status >= 500 and status != _CANNOT) or code in _PASSING_CODES:
        return TransientError(f"{status} {_said(error)}")
    return PermanentError(f"{status} {_said(error)}", credentials=status in (401, 403))


def _answer(error: BaseException | None) -> tuple[int | None, str]:
    """Return the HTTP status and S3's error code, if storage answered."""
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


def _said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ").replace("\n", " ")
