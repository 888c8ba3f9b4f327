"""Names short enough for a figure; tables keep them whole."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

#: Most characters of a name in a figure.
_MOST = 36
#: A path to a file, as it stands in a name, with what closes a mapping after it.
_PATH = re.compile(r"([^\s,:;'\"{}\[\]]*/[^\s,:;'\"{}\[\]]*\.[A-Za-z]\w*)['\"}\]]*")


def short_labels(names: Iterable[str]) -> dict[str, str]:
    """Return for every name what a figure shows for it: different names, different labels.

    Names that fit stay as they are. Others begin with their first path to a file, of which the stem
    stays, or as many of its last parts as tell it from the others; what is still too long loses its
    middle.

    >>> names = ["jpeg", "kind: deepjscc, weights: {path: /home/me/runs/first/tuned.safetensors}"]
    >>> list(short_labels(names).values())
    ['jpeg', 'tuned']
    """
    whole = list(dict.fromkeys(names))
    depth = max((name.count("/") for name in whole), default=0)
    for parts in range(1, depth + 2):
        short = [_short(name, parts) for name in whole]
        if len(set(short)) == len(whole):
            break
    else:
        short = [f"{i}: {_short(name, 1)}" for i, name in enumerate(whole, 1)]
    return dict(zip(whole, short, strict=True))


def _short(name: str, parts: int) -> str:
    """Shorten one name that is too long; of paths the last ``parts`` stay."""
    if len(name) <= _MOST:
        return name

    def tail(match: re.Match[str]) -> str:
        path = PurePath(match[1])
        return "/".join([*path.parent.parts, path.stem][-parts:])

    first = _PATH.search(name)
    text = _PATH.sub(tail, name[first.start() if first else 0 :]).strip("{} ")
    if len(text) <= _MOST:
        return text
    kept = _MOST - 1
    return f"{text[: kept - kept // 2].rstrip()}…{text[-(kept // 2) :].lstrip()}"
