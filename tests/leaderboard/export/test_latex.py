"""report.tex: true numbers, no lone winner in the noise, and nothing that data says to TeX."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest

from leaderboard import schema
from leaderboard.export import latex

TOKEN = re.compile(
    r"\\(?P<word>[A-Za-z]+)|\\(?P<sign>.)|(?P<math>\$[^$]*\$)|(?P<open>\{)|(?P<close>\})"
    r"|(?P<special>[$&#^_%~])|(?P<plain>.)",
    re.DOTALL,
)
WORDS = {
    *("textbackslash", "textasciicircum", "textasciitilde", "textless", "textgreater", "textbar"),
    *("textquoteleft", "textquoteright", "textquotedblleft", "textquotedblright", "dots"),
    *("ss", "ae", "AE", "oe", "OE", "o", "O", "l", "L", "aa", "AA", "u", "r", "H", "v", "c"),
    *("i", "j"),
}
MATH = {"$-$", "$\\pm$", "$\\times$", "$\\cdot$", "$^{\\circ}$", "$\\leq$", "$\\geq$"}
MATH |= {"$\\rightarrow$", "$^{\\dagger}$"}


def check_tokens(text):
    """Every special is escaped, braces balance, every control word is one of ours."""
    depth = 0
    for token in TOKEN.finditer(text):
        kind, value = token.lastgroup, token[0]
        depth += (kind == "open") - (kind == "close")
        assert depth >= 0
        assert kind != "word" or token["word"] in WORDS, value
        assert kind != "sign" or token["sign"] in "{}$&#%_'`^\"~=.", value
        assert kind != "math" or value in MATH, value
        assert kind != "special" or value == "~", value
        assert kind != "plain" or " " <= value <= "~", value
    assert depth == 0


def test_every_character_becomes_text_in_ascii(hostile_texts):
    for start in (*range(0, 0x3000, 64), 0xD7C0, 0xD800, 0xFFC0, 0x1F600, 0x10FFC0):
        check_tokens(latex.escaped("".join(map(chr, range(start, start + 64)))))
    for text in hostile_texts:
        check_tokens(latex.escaped(text))


@pytest.mark.parametrize(
    ("text", "tex"),
    [
        ("50 % of a_b & $1 {x}", "50 \\% of a\\_b \\& \\$1 \\{x\\}"),
        ("Doll\u00e1r", "Doll\\'{a}r"),
        ("Dolla\u0301r, na\u00efve", "Doll\\'{a}r, na\\\"{\\i}ve"),
        (
            "a\\b^c~d<e>",
            "a\\textbackslash{}b\\textasciicircum{}c\\textasciitilde{}d"
            "\\textless{}e\\textgreater{}",
        ),
        ("\u22123 \u00b1 0.5", "$-$3 $\\pm$ 0.5"),
        ("\u6f22\x1b\n[1] *", "{[}U+6F22]{[}U+FFFD] {[}1] {*}"),
    ],
)
def test_text_is_kept_or_its_number_given(text, tex):
    assert latex.escaped(text) == tex


def test_only_who_leads_by_the_verdict_is_bold(run_dir, tmp_path, make_material):
    # On identification CLIP is made as good as DeiT: two leaders, neither alone in bold.
    for seed in (1, 2):
        rows = [row for _, row in schema.read_rows(schema.rows_path(run_dir, "deit", seed, "mci"))]
        schema.write_rows(schema.rows_path(run_dir, "clip", seed, "mci"), rows)
    made = make_material(run_dir)
    (path,) = latex.export(made, tmp_path)
    scores = path.read_text().split("\\end{table}")[0]
    bold = re.findall(r"\\textbf\{([^}]*)\}", scores)
    leading = [entry for line in made.rows for entry in line.entries if entry and entry.leads]
    assert sorted(bold) == sorted(latex.escaped(entry.value) for entry in leading)
    mci = [made.verdicts[2].task["name"], set(made.verdicts[2].settled)]
    assert mci == ["mci", {"deit", "clip"}]
    assert bold.count(f"{100 * made.results.cell('clip', 'mci').estimate.mean:.1f}") == 2


def test_a_difference_is_marked_where_it_is_shown(run_dir, tmp_path, make_material):
    made = make_material(run_dir, baseline="clip")
    (path,) = latex.export(made, tmp_path)
    table = path.read_text().split("\\end{table}")[1]
    assert made.pairs == [
        (name, "clip") for name in ("blind", "random", "deit", "mae", "dino", "text")
    ]
    for a, b in made.pairs:
        row = re.search(rf"^{re.escape(made.title(a))} & (.*?) ", table, re.MULTILINE)[1]
        found = made.results.comparisons.pair(a, b, "vqa")
        mean = 100 * found.difference.estimate.mean
        assert row == f"{mean:+.1f}".replace("-", "$-$") + ("$^{*}$" if found.clear else "")


@pytest.mark.skipif(not shutil.which("pdflatex"), reason="needs pdflatex and booktabs")
@pytest.mark.parametrize("hostile", [False, True])
def test_it_compiles_with_booktabs_alone(request, tmp_path, make_material, hostile):
    run_dir = request.getfixturevalue("hostile_dir" if hostile else "run_dir")
    latex.export(make_material(run_dir), tmp_path)
    letters = [*range(32, 127), *range(160, 0x250), *range(0x1E00, 0x1F00), *range(0x2010, 0x2030)]
    tail = latex.escaped(" ".join(map(chr, letters)) + "".join(latex._SIGNS))
    (tmp_path / "paper.tex").write_text(
        "\\documentclass{article}\n\\usepackage{booktabs}\n\\begin{document}\n"
        f"\\input{{report}}\n{tail}\n\\end{{document}}\n"
    )
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "paper.tex"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, errors="replace")
    assert done.returncode == 0, done.stdout[-2000:]
    assert (tmp_path / "paper.pdf").is_file()
    assert "Undefined control sequence" not in done.stdout and "(/etc" not in done.stdout
    assert "too large" not in done.stdout
    if not hostile:
        assert "Overfull" not in done.stdout.split("report.tex")[1].split(")")[0]


@pytest.mark.parametrize("room", [47, 30, 24])
def test_no_table_is_longer_than_a_page(run_dir, tmp_path, make_material, monkeypatch, room):
    """Every row is in some table of at most so many lines, under the heads of its columns."""
    monkeypatch.setattr(latex, "_HEIGHT", room)
    rows = [[f"row {number}", "1.0", "2.0"] for number in range(60)]
    scopes = make_material(run_dir).scopes[:2]
    text = latex._table(scopes, [rows[:3], rows[3:45], rows[45:]], "x" * 300, "scores")
    for table in text.split("\\begin{table}")[1:]:
        lines = sum(line.endswith("\\\\") for line in table.splitlines())
        assert lines + len(re.search(r"x*", table.partition("\\caption{")[2])[0]) / 84 < room
        assert table.count("\\toprule") == table.count("accuracy, \\%") / 2
    assert re.findall(r"^row (\d+)", text, re.M) == [str(number) for number in range(60)]


def test_what_no_page_holds_goes_on_in_further_tables(
    run_dir, tmp_path, make_material, monkeypatch
):
    made = make_material(run_dir)
    whole = latex.export(made, tmp_path)[0].read_text()
    monkeypatch.setattr(latex, "_HEIGHT", 22)
    monkeypatch.setattr(latex, "_WIDTH", 40)
    parted = latex.export(made, tmp_path)[0].read_text()
    assert whole.count("\\begin{table}") == 2 and parted.count("\\begin{table}") > 6
    assert parted.count("\\label") == 2
    numbers = r"(?<!\$)\b\d+\.\d+\b"
    assert sorted(re.findall(numbers, whole)) == sorted(re.findall(numbers, parted))
