"""The section of claims says what scores.json says, and is there only where there are claims."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import leaderboard
from leaderboard.page import claims
from leaderboard.page.render import Page
from leaderboard.results import load_results
from tests.leaderboard.conftest import CLAIMS, write_claims
from tests.leaderboard.test_report import HOSTILE, only_our_script_runs
from tests.leaderboard.test_report import Page as Parsed


def items(text):
    section = text.split('<section id="claims">')[1].split("</section>")[0]
    return re.findall(r"<li class=.*?</li>", section, re.S), section


def written(value, unit):
    scale, digits = (100, 1) if unit == "percent" else (1, 2)
    return f"{scale * value:+.{digits}f}".replace("-", "−")


def test_without_claims_there_is_no_section(run_dir):
    text = leaderboard.write_report(run_dir).read_text()
    assert 'id="claims"' not in text and 'href="#claims"' not in text
    assert json.loads((run_dir / "scores.json").read_text())["claims"] == []


def test_every_claim_has_its_line(run_dir):
    text = leaderboard.write_report(write_claims(run_dir)).read_text()
    scores = json.loads((run_dir / "scores.json").read_text())["claims"]
    lines, section = items(text)
    assert text.index('id="claims"') < text.index('id="scores"')
    assert "Of 5 claims" in section and len(lines) == len(scores) == len(CLAIMS)
    marks = {"supported": "✓", "contradicted": "✗", "not shown": "○", "not tested": "–"}
    for line, one, claim in zip(lines, scores, CLAIMS, strict=True):
        shown = " ".join(Parsed(line).text.split())
        assert {key: one[key] for key in ("name", "statement", "scope", "higher", "lower")} == {
            key: claim[key] for key in ("name", "statement", "scope", "higher", "lower")
        }
        assert shown.startswith(f"{marks[one['verdict']]} {one['verdict'].capitalize()}")
        assert claim["statement"] in shown and one["scope_title"] in shown
        assert (claim.get("source") or "") in shown and one["source"] == (claim.get("source") or "")
        if one["verdict"] == "not tested":
            assert (one["mean"], one["p"], one["detectable"]) == (None, None, None)
            assert "Not tested: no column 'gvt' in this run." in shown and "<svg" not in line
            continue
        mean, low, high = (written(one[key], one["unit"]) for key in ("mean", "low", "high"))
        assert mean in shown and f"{low} to {high}" in shown
        assert ("p < 0.001" if one["p"] < 0.001 else f"p = {one['p']:.3f}") in shown
        assert one["low"] <= one["mean"] <= one["high"] and one["p"] >= one["p_uncorrected"]
    assert {"supported", "contradicted", "not tested"} <= {one["verdict"] for one in scores}
    assert "DeiT and CLIP > above MAE and DINO" in " ".join(Parsed(lines[0]).text.split())


def test_where_less_is_better_the_sign_is_explained(run_dir):
    def turn(run):
        run["tasks"][0]["higher_is_better"] = False

    for change, turned in ((None, False), (turn, True)):
        text = leaderboard.write_report(write_claims(run_dir, change=change)).read_text()
        assert ("where less is better it is turned around" in items(text)[1]) == turned


def test_plots_are_to_scale_around_zero(run_dir):
    page = Page(load_results(write_claims(run_dir)), [])
    scales = {"percent": [], "score": []}
    for entry, one in zip(claims.context(page)["entries"], page.results.claims, strict=True):
        if entry["numbers"] is None:
            continue
        drawing = ElementTree.fromstring(entry["numbers"]["plot"])
        zero, interval, dot = drawing
        middle, e = float(zero.get("x1")), one.difference.estimate
        places = [interval.get("x1"), dot.get("cx"), interval.get("x2")]
        for place, value in zip(map(float, places), (e.low, e.mean, e.high), strict=True):
            assert 0 < place < 2 * middle
            scales[one.task["unit"]].append(((place - middle), value))
    for drawn in scales.values():  # one scale for all that is in percent
        longest = max(drawn, key=lambda pair: abs(pair[1]))
        for place, value in drawn:
            assert abs(place - value * longest[0] / longest[1]) < 0.2


def test_hostile_claims_are_text(run_dir):
    endless = HOSTILE * 2000
    write_claims(
        run_dir,
        {"name": "a", "statement": HOSTILE, "scope": "vqa", "higher": ["deit"], "lower": ["mae"]},
        {
            **dict.fromkeys(("name", "statement", "scope", "source"), endless),
            "higher": [endless],
            "lower": [HOSTILE],
        },
    )
    text = leaderboard.write_report(run_dir).read_text()
    assert only_our_script_runs(text)
    lines, section = items(text)
    assert len(lines) == 2 and len(section) < 40_000
    parsed = Parsed(section)
    assert "{{ 7*7 }}" in parsed.text and "more characters)" in parsed.text
    assert not any(name.startswith("on") for name, _ in parsed.attributes)
    assert not {"script", "img"} & set(parsed.tags)
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202e]", text)
