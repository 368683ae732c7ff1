"""Weights on a hub: found, or refused in one line; nothing is asked of the hub but files."""

import hashlib
import http.server
import threading

import pytest
from huggingface_hub import constants

from tokenizers_zoo import CardError, feature_shape, load_tokenizer

SHA = "1234567890abcdef1234567890abcdef12345678"


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """A hub on this machine that serves `tmp_path/hub/OWNER/NAME`; the requests it got."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def answer(self):
            asked.append(f"{self.command} {self.path}")
            repo, resolve, file = self.path.strip("/").partition("/resolve/")
            path = tmp_path / "hub" / repo / file.partition("/")[2]
            found = resolve and path.is_file()
            content = path.read_bytes() if found else b"{}"
            self.send_response(200 if found else 404)
            self.send_header("X-Repo-Commit", SHA)
            self.send_header("Content-Length", str(len(content)))
            self.send_header("ETag", hashlib.sha256(content).hexdigest())
            if not found:
                self.send_header("X-Error-Code", "EntryNotFound")
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET = do_POST = answer  # noqa: N815 (names that http.server looks for)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}).start()
    address = f"http://127.0.0.1:{server.server_port}"
    template = constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, address)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", address)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub-cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.delenv("DISABLE_SAFETENSORS_CONVERSION", raising=False)
    yield asked
    server.shutdown()
    server.server_close()


@pytest.fixture
def publish(checkpoint, tmp_path):
    """Move a toy checkpoint onto the hub as `owner/model`; its folder there and its model."""

    def move(kind):
        folder, model = checkpoint(kind)
        (tmp_path / "hub" / "owner").mkdir(parents=True)
        return folder.rename(tmp_path / "hub" / "owner" / "model"), model

    return move


# Unpinned is what transformers would have a public service convert.
@pytest.mark.parametrize("revision", [SHA, None])
def test_a_pickle_alone_is_refused_and_nothing_else_asked(hub, publish, make_card, revision):
    folder, _ = publish("vit")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    unverified = {"revision": "refs/pr/3 may hold it"}
    card = make_card(checkpoint="owner/model", revision=revision, unverified=unverified)
    with pytest.raises(CardError) as caught:
        load_tokenizer(card)
    line = str(caught.value)
    assert "\n" not in line
    at = revision or "main"
    for words in (str(card.path), at, "no model.safetensors", "local:DIR", "refs/pr/3 may"):
        assert words in line
    ours = [request for request in hub if "owner/model" in request]
    assert {request.split()[0] for request in ours} <= {"HEAD", "GET"}
    files = {"config.json", "model.safetensors", "model.safetensors.index.json"}
    assert {request.partition(f"/resolve/{at}/")[2] for request in ours} == files


def test_a_pinned_checkpoint_loads_from_the_hub_and_then_from_the_cache(
    hub, publish, make_card, monkeypatch
):
    _, model = publish("vit")
    card = make_card(checkpoint="owner/model", revision=SHA)
    pooler = sum(p.numel() for p in model.pooler.parameters())
    count = sum(p.numel() for p in model.parameters()) - pooler
    assert load_tokenizer(card).parameters == count
    assert any(f"/resolve/{SHA}/model.safetensors" in request for request in hub)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    before = len(hub)
    assert load_tokenizer(card).parameters == count
    assert len(hub) == before


def test_offline_and_not_in_the_cache(make_card, tmp_path, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "none"))
    with pytest.raises(CardError) as caught:
        load_tokenizer(make_card(checkpoint="owner/absent-model", revision=SHA))
    line = str(caught.value)
    assert "\n" not in line and "owner/absent-model at revision 1234" in line
    assert "not in the local cache (config.json), and the hub cannot be reached" in line


def test_what_a_hub_card_says_of_its_architecture_plans_without_it(make_card):
    hub = {"checkpoint": "owner/absent-model", "revision": SHA}
    sizes = {"width": 16, "depth": 3, "patch": 4, "native": 12}
    assert feature_shape(make_card(**hub, architecture=sizes)) == (9, 16)
    image = {"size": 20, "resize": "stretch", "interpolation": "bicubic"}
    image |= {"mean": [0.5] * 3, "std": [0.5] * 3}
    features = {"layer": -1, "final_norm": True, "drop": []}
    card = make_card(**hub, architecture=sizes, image=image, features=features)
    assert feature_shape(card) == (26, 16)
    with pytest.raises(CardError, match="no multiple"):
        feature_shape(make_card(**hub, architecture=sizes, image=image | {"size": 18}))
    deep = {"layer": 4, "final_norm": True, "drop": []}
    with pytest.raises(CardError, match="hidden states -4 to 3"):
        feature_shape(make_card(**hub, architecture=sizes, features=deep))
    with pytest.raises(CardError, match="not in the local cache"):
        feature_shape(make_card(**hub))
