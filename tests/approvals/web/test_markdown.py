"""Markdown that somebody else wrote is read, and nothing in it acts."""

from __future__ import annotations

import pytest

from approvals.web.markdown import read_markdown


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("**b** *i* `c`", "<p><strong>b</strong> <em>i</em> <code>c</code></p>\n"),
        ("# Top", "<h3>Top</h3>\n"),
        ("###### Low", "<h6>Low</h6>\n"),
        ("<script>x</script>", "<p>&lt;script&gt;x&lt;/script&gt;</p>\n"),
        ("[a](https://b.example/?q=1&r)", '<p><span class="link">a</span> <span class="link-target">(https://b.example/?q=1&amp;r)</span></p>\n'),
        ("<https://b.example>", '<p><span class="link">https://b.example</span></p>\n'),
        ("[a](javascript:alert(1))", "<p>[a](javascript:alert(1))</p>\n"),
        ("a\u202eb", "<p>a⟦RIGHT-TO-LEFT OVERRIDE⟧b</p>\n"),
    ],
)  # fmt: skip
def test_markdown_is_read(text, html):
    assert read_markdown(text) == html


def test_pictures_are_not_fetched_and_columns_not_styled():
    html = read_markdown('![x](https://i.example/p.png "t")\n\n|a|\n|:-:|\n|1|\n')

    assert "<img" not in html
    assert "style=" not in html
    assert '<td class="to-the-center">1</td>' in html
