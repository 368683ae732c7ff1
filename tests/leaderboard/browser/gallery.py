"""The gallery as a reader uses it: what is seen, chosen and focused; and the rows behind it."""

from leaderboard import schema

TOKENIZERS = ("deit", "clip", "mae", "dino")
COLUMNS = (*TOKENIZERS, "blind", "random", "text")


class Gallery:
    """The page, driven: what a reader sees and does."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url
        self.js, self.press = browser.js, browser.press

    def open(self, fragment="", width=1280):
        self.browser.log()  # what other pages wrote
        self.browser.open(self.url + fragment, width)
        return self

    def choose(self, **controls):
        """Set controls of the form as a reader would: set, then say so."""
        for name, value in controls.items():
            self.js(
                "(([name, value]) => { const control = "
                "document.querySelector('#samples form').elements[name]; control.value = value;"
                "control.dispatchEvent(new Event('change', {bubbles: true})); })(arguments)",
                name,
                value,
            )

    def control(self, name):
        return self.js("document.querySelector('#samples form').elements[arguments[0]].value", name)

    def shown(self):
        """(task, doc_id) of every card, in order, after all pages were asked for."""
        self.js(
            "(() => { const more = document.querySelector('#samples .more');"
            "while (!more.hidden) more.click(); })()"
        )
        found = self.js(
            "[...document.querySelectorAll('#samples article .kicker')].map(k => k.textContent)"
        )
        cards = [kicker.split(" · ") for kicker in found]
        return [
            (c[0], int(next(p for p in c if p[:1] == "#" and p[1:].isdigit())[1:])) for c in cards
        ]

    @property
    def status(self):
        return self.js("document.querySelector('#samples-count').textContent")

    @property
    def focus(self):
        return self.js("document.activeElement.tagName + '.' + document.activeElement.className")


def all_rows(run_dir):
    """(task title, doc_id) -> column -> row of the first seed."""
    found = {}
    for task in schema.read_run(run_dir)["tasks"]:
        for column in COLUMNS:
            path = schema.rows_path(run_dir, column, 1, task["name"])
            for _, row in schema.read_rows(path):
                found.setdefault((task["title"], row["doc_id"]), {})[column] = row
    return found
