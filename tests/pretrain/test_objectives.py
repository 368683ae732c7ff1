"""Losses of the other objectives against their definitions, and augmentations that keep labels."""

import pytest
import torch

from gvt.mini.tokenizer import build_tokenizer
from tokenizers_zoo.objectives import augment
from tokenizers_zoo.objectives.clip import CLIP
from tokenizers_zoo.objectives.deit import DeiT
from tokenizers_zoo.objectives.mae import MAE

PIXELS = torch.randint(0, 256, (3, 72, 72, 3), dtype=torch.uint8)


@pytest.fixture
def inputs():
    """What a model was given; inputs(model) starts to listen."""

    def listen(model):
        seen = []
        model.register_forward_pre_hook(
            lambda _, args, kwargs: seen.append((args, kwargs)), with_kwargs=True
        )
        return seen

    return listen


@torch.no_grad()
def test_deit_learns_labels_on_cls_and_the_teachers_hard_labels_beside_it(inputs):
    torch.manual_seed(0)
    model = DeiT(8)
    seen = inputs(model.model)
    labels, teacher = torch.randint(0, 2, (3, 8)).float(), torch.randn(3, 8)
    loss = model({"pixels": PIXELS, "labels": labels, "teacher": teacher})
    tokens = model.model(*seen[0][0]).last_hidden_state
    total = 0.0
    for token, head, wanted in zip((0, 1), model.heads, (labels, teacher > 0), strict=True):
        chance = torch.sigmoid(tokens[:, token] @ head.weight.T + head.bias)
        total += -torch.where(wanted.bool(), chance.log(), (1 - chance).log()).mean() / 2
    assert loss.item() == pytest.approx(total.item(), rel=1e-5)


@torch.no_grad()
def test_clip_tells_each_pair_from_all_others_both_ways(inputs):
    torch.manual_seed(0)
    model = CLIP(build_tokenizer([]))
    seen = inputs(model.model)
    words = model.tokenize(["a red circle", "one blue star and two rings", "a moon"])
    loss = model({"pixels": PIXELS, **words})
    out = model.model(**seen[0][1])
    image, text = (x / x.norm(dim=-1, keepdim=True) for x in (out.image_embeds, out.text_embeds))
    logits = image @ text.T * model.model.logit_scale.exp()
    rows, columns = logits.softmax(1).diag().log(), logits.softmax(0).diag().log()
    assert loss.item() == pytest.approx(-(rows.mean() + columns.mean()).item() / 2, rel=1e-5)
    # The text is read at its end token, whatever pads it.
    alone = model.model.get_text_features(**model.tokenize(["a moon"])).pooler_output
    together = model.model.get_text_features(**words).pooler_output
    torch.testing.assert_close(alone[0], together[2], atol=1e-5, rtol=1e-4)
    last = model.model.get_text_features(**model.tokenize(["a red star", "a red moon"]))
    assert (last.pooler_output[0] - last.pooler_output[1]).abs().max() > 1e-3


def test_clips_temperature_is_bounded():
    model = CLIP(build_tokenizer([]))
    model.model.logit_scale.data.fill_(9.0)
    model.after_step(0.5)
    assert model.model.logit_scale.exp().item() == pytest.approx(100, rel=1e-3)


@torch.no_grad()
def test_mae_rebuilds_the_masked_three_quarters(inputs):
    torch.manual_seed(0)
    model = MAE()
    seen = inputs(model.model)
    state = torch.get_rng_state()
    torch.manual_seed(1)
    model({"pixels": PIXELS})
    images = seen[0][0][0]
    noise = torch.rand(3, 36)
    out = model.model(images, noise=noise)
    assert out.mask.sum(1).tolist() == [27, 27, 27]
    patches = images.unfold(2, 12, 12).unfold(3, 12, 12)  # [B, 3, 6, 6, 12, 12]
    patches = patches.permute(0, 2, 3, 4, 5, 1).reshape(3, 36, 432)
    wanted = (patches - patches.mean(-1, keepdim=True)) / (
        patches.var(-1, keepdim=True) + 1e-6
    ).sqrt()
    error = ((out.logits - wanted) ** 2).mean(-1)
    assert out.loss.item() == pytest.approx((error * out.mask).sum().item() / 81, rel=1e-4)
    torch.set_rng_state(state)


def dots(count=40, margin=12):
    """Black images with one white dot each, at least ``margin`` pixels inside; and its place."""
    places = torch.randint(margin, 72 - margin, (count, 2))
    images = torch.zeros(count, 3, 72, 72)
    for image, (y, x) in zip(images, places, strict=True):
        image[:, y - 1 : y + 2, x - 1 : x + 2] = 1
    return images, places


def centres(images):
    weight = images.mean(1)
    total = weight.sum((1, 2))
    axis = torch.arange(images.shape[-1]).float()
    return torch.stack(
        [(weight.sum(2) * axis).sum(1) / total, (weight.sum(1) * axis).sum(1) / total], dim=1
    )


def test_jiggle_shifts_by_at_most_so_many_pixels():
    torch.manual_seed(0)
    images, places = dots()
    moved = (centres(augment.jiggle(images, 4, flip=False)) - places).abs()
    assert 3 < moved.max() <= 4.1


def test_half_of_the_images_are_flipped():
    torch.manual_seed(0)
    images, places = dots(200)
    found = centres(augment.jiggle(images, 0, flip=True))
    mirrored = (found[:, 1] - (71 - places[:, 1])).abs() < 0.1
    kept = (found[:, 1] - places[:, 1]).abs() < 0.1
    assert bool((mirrored | kept).all())
    assert 70 < mirrored.sum() < 130


def test_a_crop_stays_inside_the_image():
    torch.manual_seed(0)
    # Border pixels would show as zeros if the crop left the image and padding were made of them.
    ramp = torch.linspace(0.2, 0.8, 72).expand(50, 3, 72, 72)
    cropped = augment.crop(ramp, 24, (0.1, 0.1), flip=False)
    assert cropped.shape == (50, 3, 24, 24)
    span = cropped[:, 0, 0, -1] - cropped[:, 0, 0, 0]
    # A tenth of the area is 0.316 of the side; 24 pixels have 23 gaps.
    torch.testing.assert_close(span, torch.full((50,), 0.6 * 72 / 71 * 0.1**0.5 * 23 / 24))
    assert cropped[:, 0, 0, 0].std() > 0.05


def test_jitter_keeps_the_range_and_grey_is_grey():
    torch.manual_seed(0)
    images = torch.rand(60, 3, 8, 8)
    found = augment.jitter(images, 0.4, grey=0.5)
    assert 0 <= found.min() <= found.max() <= 1
    grey = (found.amax(1) - found.amin(1)).flatten(1).amax(1) < 1e-5
    assert 15 < grey.sum() < 45
    torch.testing.assert_close(augment.jitter(images, 0.0), images)


@pytest.mark.parametrize("view", ["crop", "jiggle", "jitter"])
def test_augmentations_work_where_the_images_are(view):
    """On any device: the meta device refuses a mix as a GPU does."""
    images = torch.rand(2, 3, 72, 72, device="meta")
    found = {
        "crop": lambda: augment.crop(images, 48, (0.3, 1.0), flip=True),
        "jiggle": lambda: augment.jiggle(images, 4, flip=True),
        "jitter": lambda: augment.jitter(images, 0.4, grey=0.1),
    }[view]()
    assert found.device == images.device
