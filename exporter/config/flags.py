"""The command line itself: options that do not exist, secrets that everybody would see, values that are missing."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence

from exporter.config.table import NAMED, Option, unknown
from exporter.domain.errors import Problem

__all__ = ["flag_problems"]


def flag_problems(arguments: Sequence[str], options: Sequence[Option]) -> Iterator[Problem]:
    """Find what is wrong with the command line before any value is looked at."""
    known = {option.as_flag: option for option in options}
    left = deque(arguments)
    while left:
        argument = left.popleft()
        if not argument.startswith("-"):
            yield argument, _hint(argument, list(known))
            continue
        flag, equals, value = argument.partition("=")
        option = known.get(flag)
        takes_value = option is None or bool(option.kind)
        # What follows an unknown flag is taken for its value.
        if not equals and takes_value and left and not left[0].startswith("-"):
            equals, value = "=", left.popleft()
        # argparse takes a value of two dashes for the end of all options.
        has_value = bool(equals) and not (takes_value and value == "--")
        if option is None:
            yield flag, unknown(flag, [one.flag for one in options if one.flag])
        elif option.name == NAMED:
            yield flag, f"is no flag; write it in the file, or set {option.variable}"
        elif option.is_secret:
            yield flag, f"a secret on the command line is visible to all; use {option.variable} or {flag}-file"
        elif has_value != takes_value:
            yield flag, f"takes no value; {flag} alone means yes" if has_value else f"has no value; write {flag}=..."


def _hint(argument: str, flags: Sequence[str]) -> str:
    if "--" + argument in flags:
        return f"is no option; did you mean --{argument}?"
    if argument.endswith((".yaml", ".yml")):
        return f"is no option; did you mean --config.file={argument}?"
    return "is no option; options are written as --name=value"
