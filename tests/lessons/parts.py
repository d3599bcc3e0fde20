"""Small lessons for the tests of this room."""

from pathlib import Path

from graphgrad.lessons.lesson import Lesson, parse

FRONT = """\
+++
id = "small"
title = "A small lesson"
part = "P01"
goals = ["see it work"]
minutes = 1
{more}
+++
"""

CODE = """
```python
import graphgrad as gg

x = gg.scalar(3.0)
y = x * x
y.backward()
after = x.grad
```
"""

PAGES = """
## First

`y` is {y}.

```ask
kind = "number"
text = "What is the gradient of `x`?"
answer = "x.grad"
hint = "Twice `x`."
why = "`2 * x` = {2 * x}"
```
"""


def text(pages: str = PAGES, code: str = CODE, more: str = "") -> str:
    return FRONT.replace("{more}", more) + code + pages


def lesson(pages: str = PAGES, code: str = CODE, more: str = "", name: str = "small.md") -> Lesson:
    return parse(text(pages, code, more), Path(name))
