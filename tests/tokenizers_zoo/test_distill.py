"""The distillation objective: its loss, its mask, and every family of students it can train."""

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from tokenizers_zoo import load_tokenizer
from tokenizers_zoo.families import families
from tokenizers_zoo.objectives.distill import Distillation

WIDTH, GRID = 10, (3, 3)
# Toy checkpoint → family, for each family that transformers loads.
STUDENTS = {
    "deit": "deit",
    "clip-vision": "clip",
    "mae-bare": "mae",
    "vit": "vit",
    "dinov2": "dinov2",
    "dinov2-reg": "dinov2-reg",
    "dinov3": "dinov3",
    "siglip-border": "siglip",
    "beit-pt": "beit-pt",
    "beit-ft": "beit-ft",
    "data2vec": "data2vec",
    "owlvit": "owlvit",
}


@pytest.fixture
def student(checkpoint, make_card):
    """student("vit"): a toy tokenizer of a family, with weights of its own."""

    def make(kind="vit", **changes):
        checkpoint(kind)
        family = STUDENTS[kind]
        size = 14 if kind == "siglip-border" else 12
        image = {
            "size": size,
            "resize": "stretch",
            "interpolation": "bicubic",
            "mean": [0.5, 0.4, 0.3],
            "std": [0.5, 0.6, 0.7],
        }
        features = {"layer": -1, "final_norm": True, "drop": list(families()[family].prefix)}
        keys = {"family": family, "checkpoint": f"local:{kind}", "image": image}
        return load_tokenizer(make_card(**keys | {"features": features} | changes))

    return make


def batch_for(tokenizer, grid=GRID, images=4):
    size = tokenizer.card.image.size
    return {
        "pixels": torch.randn(images, 3, size, size),
        "targets": 3 * torch.randn(images, grid[0] * grid[1], WIDTH) + 1,
    }


def smooth_l1(predicted, targets):
    """Wei et al. 2022, eq. 1, with β = 2, written out."""
    centred = targets - targets.mean(-1, keepdims=True)
    white = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)
    gap = np.abs(predicted - white)
    parts = np.where(gap <= 2, 0.5 * gap**2 / 2, gap - 1)
    assert (gap <= 2).any() and (gap > 2).any()
    return parts.mean()


def vit_patches(model, pixels, hidden=None, token=None):
    """A ViT's patch features by its own layers; patches of ``hidden`` are ``token`` on entry."""
    patches = model.embeddings.patch_embeddings.projection(pixels).flatten(2).transpose(1, 2)
    if hidden is not None:
        patches[hidden] = token
    cls = model.embeddings.cls_token.expand(len(pixels), -1, -1)
    states = torch.cat([cls, patches], dim=1) + model.embeddings.position_embeddings
    for layer in model.layers if hasattr(model, "layers") else model.encoder.layer:
        states = layer(states)
        states = states[0] if isinstance(states, tuple) else states
    return model.layernorm(states)[:, 1:]


@torch.no_grad()
def test_the_loss_is_smooth_l1_on_whitened_features_of_every_patch(student, tmp_path):
    objective = Distillation(student(), WIDTH, GRID)
    objective.head.weight *= 4  # both pieces of the loss occur
    batch = batch_for(objective.student)
    model = transformers.ViTModel.from_pretrained(tmp_path / "vit", add_pooling_layer=False).eval()
    states = model(batch["pixels"]).last_hidden_state[:, 1:].numpy()
    predicted = states @ objective.head.weight.numpy().T + objective.head.bias.numpy()
    wanted = smooth_l1(predicted, batch["targets"].numpy())
    assert objective(batch).item() == pytest.approx(wanted, rel=1e-4)


@torch.no_grad()
def test_with_a_mask_the_loss_is_of_the_hidden_patches_inferred_from_the_others(student):
    torch.manual_seed(0)
    objective = Distillation(student(), WIDTH, GRID, mask_ratio=0.4)
    objective.head.weight *= 4
    objective.mask_token.normal_()
    batch = batch_for(objective.student)
    hidden = objective._draw(4)
    objective._draw = lambda images: hidden
    states = vit_patches(objective.model, batch["pixels"], hidden, objective.mask_token)
    predicted = states.numpy() @ objective.head.weight.numpy().T + objective.head.bias.numpy()
    wanted = smooth_l1(predicted[hidden], batch["targets"].numpy()[hidden])
    assert objective(batch).item() == pytest.approx(wanted, rel=1e-4)
    # Afterwards the student sees whole images again.
    whole = objective.student.encode(batch["pixels"]).features
    torch.testing.assert_close(whole, vit_patches(objective.model, batch["pixels"]))


def test_without_a_mask_every_patch_is_predicted(student):
    objective = Distillation(student(), WIDTH, GRID)
    assert not hasattr(objective, "mask_token")
    batch = batch_for(objective.student)
    batch["targets"].requires_grad_()
    objective(batch).backward()
    assert (batch["targets"].grad.abs().sum(-1) > 0).all()


@pytest.mark.parametrize(("ratio", "count"), [(0.01, 1), (0.4, 4), (0.6, 5), (0.99, 8)])
def test_every_image_hides_the_same_number_of_patches_at_other_places(student, ratio, count):
    objective = Distillation(student(), WIDTH, GRID, mask_ratio=ratio)
    drawn = objective._draw(200)
    assert (drawn.sum(1) == count).all()
    share = drawn.float().mean(0)
    assert (share - count / 9).abs().max() < 0.15  # no place is preferred


@torch.no_grad()
def test_a_finer_teacher_is_averaged_to_the_students_grid_before_whitening(student):
    objective = Distillation(student(), WIDTH, (6, 6))
    objective.head.weight *= 4
    batch = batch_for(objective.student, grid=(6, 6))
    predicted = objective.head(objective.student.encode(batch["pixels"]).features).numpy()
    maps = batch["targets"].view(4, 6, 6, WIDTH).numpy()
    small = np.empty((4, 3, 3, WIDTH), np.float32)
    for image in range(4):
        for channel in range(WIDTH):
            # PIL's bilinear filter widens with the reduction, so that no patch is left out.
            plane = Image.fromarray(maps[image, :, :, channel])
            small[image, :, :, channel] = plane.resize((3, 3), Image.Resampling.BILINEAR)
    wanted = smooth_l1(predicted, small.reshape(4, 9, WIDTH))
    assert objective(batch).item() == pytest.approx(wanted, rel=1e-4)


def test_every_family_of_transformers_is_tested():
    trainable = {n for n, f in families().items() if f.model and f.loader == "transformers"}
    assert set(STUDENTS.values()) == trainable


@pytest.mark.parametrize("kind", STUDENTS)
def test_a_student_of_any_family_trains_and_is_read_by_its_card(kind, student, tmp_path):
    tokenizer = student(kind)
    before = {name: weight.clone() for name, weight in tokenizer.model.state_dict().items()}
    objective = Distillation(tokenizer, WIDTH, GRID, mask_ratio=0.5)
    parameters = sum(weight.numel() for weight in tokenizer.model.parameters())
    hidden = torch.arange(9).expand(4, 9) < 4
    objective._draw = lambda images: hidden
    optimizer = torch.optim.SGD(objective.parameters(), lr=0.1)
    batch = batch_for(tokenizer)
    torch.manual_seed(1)
    loss = objective(batch)
    loss.backward()
    optimizer.step()
    moved = [
        name
        for name, weight in tokenizer.model.state_dict().items()
        if not torch.equal(weight, before[name])
    ]
    (first,) = (n for n, part in tokenizer.model.named_modules() if type(part).__name__ == "Conv2d")
    assert f"{first}.weight" in moved  # gradients come through the whole student
    assert len(moved) > 0.6 * len(before)
    objective.save(tmp_path / kind)
    saved = load_tokenizer(tokenizer.card)
    assert saved.parameters == parameters  # head and mask token are gone
    for name, weight in tokenizer.model.state_dict().items():
        assert torch.equal(saved.model.state_dict()[name], weight.float())


@torch.no_grad()
@pytest.mark.parametrize("kind", STUDENTS)
def test_what_is_hidden_is_not_seen_but_has_its_place(kind, student):
    objective = Distillation(student(kind), WIDTH, GRID, mask_ratio=0.5)
    objective.model.eval()  # without the drop paths of some families
    hidden = torch.arange(9).expand(4, 9) < 4
    objective._draw = lambda images: hidden
    batch = batch_for(objective.student)
    loss = objective(batch)
    others = {key: value.clone() for key, value in batch.items()}
    others["pixels"][:, :, :4] = 7.0  # the first row of patches: all hidden
    others["targets"][~hidden] = 7.0
    assert objective(others).item() == loss.item()
    others["pixels"][:, :, 8:12] = 7.0  # the last row: all visible
    assert objective(others).item() != loss.item()
    with objective._hiding(torch.ones(4, 9, dtype=torch.bool)):
        features = objective.student.encode(batch["pixels"]).features
    assert (features[:, 0] - features[:, 1]).abs().max() > 1e-3
