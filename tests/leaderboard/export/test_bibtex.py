"""references.bib: every cited work once, whole, and nothing that TeX would carry out."""

from __future__ import annotations

import re

import pytest

from leaderboard import schema
from leaderboard.export import bibtex
from tokenizers_zoo.citations import citations

CLIP = "@inproceedings{clip,\n  title = {A {B} and \\'{e}},\n  year = {2021}\n}"
TASK = "@misc{data2017,\n  title = {Data \\& Questions}\n}"


def change(run_dir, columns=None, tasks=None):
    run = schema.read_run(run_dir)
    for record in run["columns"]:
        record |= {"citation": ""} | (columns or {}).get(record["name"], {})
    for record in run["tasks"]:
        record |= (tasks or {}).get(record["name"], {})
    schema.write_run(run_dir, run)
    return run


def test_works_are_listed_once_with_all_who_cite_them(run_dir):
    run = change(
        run_dir,
        {"clip": {"citation": CLIP + "\n"}, "deit": {"bibtex": [CLIP], "citation": CLIP}},
        {"vqa": {"bibtex": [TASK]}, "oc": {"bibtex": [TASK]}},
    )
    found = bibtex.bibliography(run)
    assert [(work.key, work.entry) for work in found.references] == [
        ("clip", CLIP),
        ("data2017", TASK),
    ]
    assert found.references[0].cited_by == ("DeiT", "CLIP")
    assert found.references[1].cited_by == ("VQA", "Counting")
    assert found.uncited == ("MAE", "DINO") and not found.unusable


def test_several_entries_are_taken_apart(run_dir):
    text = f"{CLIP}\n{TASK}"
    assert bibtex.entries(text) == [CLIP, TASK]
    assert bibtex.entries("Doe et al. 2021 (mail@example.org)") == []
    assert bibtex.entries("@misc{cut, title = {never closed}") == []


def test_all_shipped_works_are_safe():
    for key, entry in citations().items():
        assert bibtex.entries(entry) == [entry.strip()]
        assert bibtex.key_of(entry) == key
        found = bibtex.bibliography({"columns": [{"title": "x", "citation": entry}], "tasks": []})
        assert [work.key for work in found.references] == [key]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        ("@misc{a, title = {\\input{/etc/passwd}}}", "\\input is not allowed"),
        ("@misc{a, title = {\\write18{rm}}}", "\\write is not allowed"),
        ("@misc{a, title = {^^5cinput{x}}}", "^^ is not allowed"),
        ("@misc{a, title = {\\csname input\\endcsname x}}", "\\csname is not allowed"),
        ("@preamble{{\\input{x}}}", "@preamble is no work"),
        ("@misc{a}} \\input{x} {", "not one BibTeX entry"),
        ("@misc{\\input{x}, title = {a}}", "no key"),
        ("Doe 2021, {no entry", "not one BibTeX entry"),
    ],
)
def test_what_tex_would_carry_out_is_only_named_in_a_comment(
    run_dir, tmp_path, make_material, entry, reason
):
    run = change(run_dir, {"clip": {"bibtex": [entry], "citation": entry}})
    assert [one.reason for one in bibtex.bibliography(run).unusable] == [reason]
    (path,) = bibtex.export(make_material(run_dir), tmp_path)
    assert all(not line or line.startswith("%") for line in path.read_text().splitlines())
    assert "@" not in path.read_text()  # BibTeX reads entries in comments too


def test_another_entry_under_a_taken_key_is_said(run_dir):
    other = CLIP.replace("2021", "2022")
    run = change(run_dir, {"clip": {"citation": CLIP}, "deit": {"citation": other}})
    found = bibtex.bibliography(run)
    assert [work.entry for work in found.references] == [other]  # DeiT stands first
    assert [one.reason for one in found.unusable] == ["another entry has the key clip"]


def test_plain_text_and_control_characters_become_comments(run_dir, tmp_path, make_material):
    text = "Doe et al.\n\x1b[31m\u202e@misc{x, title={y}" + "z" * 100_000
    change(run_dir, {"clip": {"citation": text}})
    (path,) = bibtex.export(make_material(run_dir), tmp_path)
    assert path.name == "references.bib"
    written = path.read_text()
    assert len(written) < 1_000 and not re.search("[\x00-\x09\x0b-\x1f\u202e]", written)
    assert "CLIP: left out (not BibTeX): Doe et al." in written
