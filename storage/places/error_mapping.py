"""What the storage libraries raise, sorted into what passes and what does not.

Google's and Amazon's clients raise errors of half a dozen libraries, of which a process may have
only some. So they are known by what they say and by the names of their classes; nothing is imported
for it.
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
    """Another try may go well."""


class PermanentError(Exception):
    """Another try would go like this one. `credentials`: storage does not know, or does not like,
    who asks.
    """

    def __init__(self, reason: str, credentials: bool = False) -> None:
        self.credentials = credentials
        super().__init__(reason)


def classify_error(error: Exception) -> Exception:
    """FileNotFoundError, FileExistsError, Passing or Refused; an error that is none of storage's as
    it is.
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
    """HTTP status and S3's word for it, if storage answered."""
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
