"""The claims: in one line each on a desk, stacked on a phone, nothing beside the screen."""

import itertools

import pytest

pytestmark = pytest.mark.browser
BOXES = (
    "[...document.querySelectorAll('.claims li')].map(line => [...line.children].map(part =>"
    " { const box = part.getBoundingClientRect(); return [box.left, box.right, box.top]; }))"
)


def test_a_claim_is_one_line_on_a_desk(tab, scores):
    lines = tab(1280).js(BOXES)
    assert [len(parts) for parts in lines] == [
        2 if claim["verdict"] == "not tested" else 4 for claim in scores["claims"]
    ]
    for parts in lines:
        assert len({round(top) for *_, top in parts}) == 1
        assert all(a[1] <= b[0] for a, b in itertools.pairwise(parts))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_claim_is_stacked_on_a_phone(tab, theme):
    for parts in tab(375, theme).js(BOXES):
        assert all(0 <= left < right <= 375 for left, right, _ in parts)
        tops = [top for *_, top in parts]
        assert tops == sorted(tops) and len(set(tops)) == len(tops)


def test_verdicts_are_words_and_marks_besides_colour(tab, scores):
    words = tab().js("[...document.querySelectorAll('.claims .judged')].map(p => p.innerText)")
    marks = {"supported": "✓", "contradicted": "✗", "not shown": "○", "not tested": "–"}
    verdicts = [claim["verdict"] for claim in scores["claims"]]
    assert words == [f"{marks[verdict]} {verdict.capitalize()}" for verdict in verdicts]
