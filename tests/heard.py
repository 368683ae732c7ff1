"""A tracker for tests that keeps what it is told."""

from accelerate.tracking import GeneralTracker, on_main_process


class Heard(GeneralTracker):
    """A tracker of a user's own that keeps what it is told."""

    name, requires_logging_directory = "heard", False

    def __init__(self):
        super().__init__()
        self.facts, self.told, self.finished = {}, [], False

    @property
    def tracker(self):
        return self.told

    @on_main_process
    def store_init_configuration(self, values):
        self.facts = values

    @on_main_process
    def log(self, values, step=None, **_):
        self.told += [(name, step, value) for name, value in values.items()]

    @on_main_process
    def finish(self):
        self.finished = True

    def of(self, prefix):
        return [(name, step, value) for name, step, value in self.told if name.startswith(prefix)]
