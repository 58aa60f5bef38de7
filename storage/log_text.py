"""What a log may say of an error: that of a model or a library may quote the text it failed on."""

# Packages whose errors name files, ids and reasons, and quote no feedback.
_TRUSTED_PACKAGES = (
    *("chorus", "workers", "tasks", "intake", "models", "ensemble", "storage", "processes"),
    *("redis", "kombu"),
)


def log_text(error: BaseException) -> str:
    """Return the text of an error for a log; only its name where the text may quote feedback.

    An error that quotes another one's text has an attribute `log_text` without it:

        log_text(ValueError("cannot read: the delivery was late")) == "ValueError"
    """
    safe = getattr(error, "log_text", None)
    if isinstance(safe, str):
        return safe
    package = type(error).__module__.partition(".")[0]
    if isinstance(error, OSError) or package in _TRUSTED_PACKAGES:
        return str(error) or type(error).__name__
    return type(error).__name__


def quotes_feedback(error: BaseException) -> bool:
    """Return whether an error has the text of another one, so that no text of a cause is logged."""
    return hasattr(error, "log_text")
