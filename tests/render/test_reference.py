"""The reference as text and as Markdown."""

from __future__ import annotations

import re

import pytest

import graphgrad as gg
from graphgrad.ops import TABLE, find
from graphgrad.ops.families import families
from graphgrad.render.reference import markdown, page_lines, place_of, table_lines
from graphgrad.view.text import cell_width


def test_every_operation_is_in_one_family() -> None:
    names = [op.name for family in families() for op in family.ops]
    assert sorted(names) == sorted(TABLE)
    assert all(family.title and not family.title.endswith(".") for family in families())


@pytest.mark.parametrize("width", [80, 120, 200])
def test_the_table_has_a_line_for_each_that_fits(width: int) -> None:
    lines = list(table_lines(width))
    assert lines[0].startswith(f"{len(TABLE)} operations")
    assert all(cell_width(line) <= width for line in lines if line.startswith("  "))
    assert sorted(line.split()[0] for line in lines if line.startswith("  ")) == sorted(TABLE)


def test_a_page_as_text() -> None:
    text = "\n".join(page_lines(find("softmax"), lambda id: f"title of {id}"))
    assert text.startswith("gg.softmax(x, axis=-1)\n\nExponentials divided by their sum")
    assert "x receives out · (g - sum(g · out))" in text
    assert "title of P02.10" in text


def test_an_operation_without_an_optional_operand_has_the_page_of_the_whole() -> None:
    assert list(page_lines(find("linear without bias"))) == list(page_lines(find("linear")))


def test_an_operation_of_ones_own_has_a_page() -> None:
    double = gg.custom_op(
        lambda x: 2 * x, name="double", x=lambda g: 2 * g, doc="Twice.", formula="2 * {x}", samples=TABLE["exp"].samples
    )
    try:
        lines = list(page_lines(double.op))
    finally:
        gg.remove_custom_op("double")
    assert lines[:3] == ["custom.double(x)", "", "Twice."]
    assert "  out = 2 · x" in lines


def test_prose_is_as_wide_as_asked_for_and_formulas_are_whole() -> None:
    wide, narrow = (list(page_lines(find("layer_norm"), width=width)) for width in (1000, 60))
    assert " ".join(" ".join(narrow).split()) == " ".join(" ".join(wide).split())
    long = [line for line in narrow if len(line) > 60]
    assert long
    assert all(line in wide for line in long)


def test_the_markdown_has_each_operation_once_and_links_to_it() -> None:
    text = "\n".join(markdown())
    anchors = re.findall(r'<a id="([^"]+)"></a>', text)
    links = re.findall(r"\| \[[^]]+\]\(#([^)]+)\) \|", text)
    assert sorted(anchors) == sorted(links) == sorted(TABLE)
    assert text.count("```") % 2 == 0
    rows = [line for line in text.splitlines() if line.startswith("| [")]
    assert all(len(re.findall(r"(?<!\\)\|", line)) == 4 for line in rows), "a bar in a formula is no border"


def test_where_operations_are_offered() -> None:
    assert place_of(find("tanh")) == "gg"
    assert place_of(find("linear")) == "gg.nn.functional"
