"""OpenVINO and NNCF tell a server on the internet of each model that they convert, where no file in
the home says no.

Each time from a copy of this process, which is large by then, and may hang where there is no
internet.
"""


def disable_telemetry() -> None:
    """From now on, in this process: only who has agreed, by that file, is counted. Called before
    they are asked.
    """
    try:
        from openvino_telemetry.utils.opt_in_checker import ConsentCheckResult, OptInChecker
    except ImportError:
        return  # then nothing is sent
    asked = OptInChecker.check
    if asked.__module__ == __name__:
        return

    def check(*arguments: object, **named: object) -> object:
        found = asked(*arguments, **named)
        return ConsentCheckResult.DECLINED if found is ConsentCheckResult.NO_FILE else found

    OptInChecker.check = check
