"""Where a saved model lies: a folder, or a hub id whose files are brought here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from gvt.errors import UserError

HUB_OPTIONS = frozenset({"revision", "token", "cache_dir", "force_download", "local_files_only"})


def local_folder(name: str | Path, file: str = "config.json", **hub: Any) -> Path:
    """The folder of a saved model; hub: as ``huggingface_hub.snapshot_download`` takes them.

    Raises UserError where there is none, or no such ``file`` in it.
    """
    path = Path(name).expanduser()
    if not path.is_dir():
        if str(name).count("/") != 1 or str(name).startswith((".", "/", "~")):
            raise UserError(f"model '{name}': there is no such folder")
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

        try:
            path = Path(snapshot_download(str(name), **hub))
        except (LocalEntryNotFoundError, HfHubHTTPError, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"model '{name}': neither a folder nor to be had: {reason}") from error
    if not (path / file).is_file():
        raise UserError(
            f"model '{name}': {path} has no {file}",
            "'gvt export RUN --column NAME --output DIR' writes a model's folder.",
        )
    return path
