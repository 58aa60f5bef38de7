"""Telemetry of OpenVINO and NNCF, switched off.

They report each model that they convert to a server on the internet, unless a file in the user's
home declines. Each report forks this process, which is large by then, and the copy may hang where
there is no internet.
"""


def disable_telemetry() -> None:
    """Decline telemetry in this process, unless a file in the home agrees to it.

    Has to be called before the first model is converted.
    """
    try:
        from openvino_telemetry.utils.opt_in_checker import ConsentCheckResult, OptInChecker
    except ImportError:
        return  # then nothing is sent
    original_check = OptInChecker.check
    if original_check.__module__ == __name__:
        return

    def check(*arguments: object, **options: object) -> object:
        result = original_check(*arguments, **options)
        return ConsentCheckResult.DECLINED if result is ConsentCheckResult.NO_FILE else result

    OptInChecker.check = check
