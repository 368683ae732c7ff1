"""DINO's loss, centre and teacher against the equations of the paper, written out."""

import math

import pytest
import torch

from tokenizers_zoo.objectives.dino import DINO


@pytest.fixture
def dino():
    """A DINO in the middle of its training: teacher, student, centre and progress all differ."""
    torch.manual_seed(0)
    model = DINO()
    with torch.no_grad():
        for weight in model.teacher.parameters():
            weight += 0.1 * torch.randn_like(weight)
        model.centre.normal_(std=0.1)
        model.progress.fill_(0.15)
    return model


@pytest.fixture
def views(dino, monkeypatch):
    """Every crop that the model makes."""
    made = []
    original = dino._view

    def view(*args):
        made.append(original(*args))
        return made[-1]

    monkeypatch.setattr(dino, "_view", view)
    return made


BATCH = {"pixels": torch.randint(0, 256, (3, 72, 72, 3), dtype=torch.uint8)}


@torch.no_grad()
def test_the_loss_is_equation_3_with_alg_1_centring(dino, views):
    centre = dino.centre.clone()
    loss = dino(BATCH).item()
    assert [view.shape[-1] for view in views] == [48, 48, 36, 36, 36, 36]
    heat = 0.04
    teacher = [dino.teacher(view) for view in views[:2]]
    terms = []
    for number, logits in enumerate(teacher):
        for other, view in enumerate(views):
            if other == number:
                continue
            student = dino.student(view)
            for image in range(3):
                raised = [math.exp(float(v)) for v in (logits[image] - centre) / heat]
                below = [math.exp(float(v)) for v in student[image] / 0.1]
                terms.append(
                    -sum(
                        (a / sum(raised)) * math.log(b / sum(below))
                        for a, b in zip(raised, below, strict=True)
                    )
                )
    assert len(terms) == 2 * 5 * 3
    assert loss == pytest.approx(sum(terms) / len(terms), rel=1e-4)
    mean = torch.cat(teacher).mean(0)
    torch.testing.assert_close(dino.centre, 0.9 * centre + 0.1 * mean, atol=1e-5, rtol=1e-4)


def test_only_the_student_learns_by_gradient(dino):
    dino(BATCH).backward()
    assert all(weight.grad is None for weight in dino.teacher.parameters())
    learnt = [w for w in dino.student.parameters() if w.requires_grad and w.grad is not None]
    assert all(weight.grad.abs().sum() > 0 for weight in learnt)
    assert dino.student.prototypes.weight in set(learnt)


@torch.no_grad()
@pytest.mark.parametrize(("progress", "keep"), [(0.0, 0.996), (0.5, 0.998), (1.0, 1.0)])
def test_the_teacher_follows_by_a_rising_momentum(dino, progress, keep):
    slow = [weight.clone() for weight in dino.teacher.parameters()]
    dino.after_step(progress)
    for before, after, fast in zip(
        slow, dino.teacher.parameters(), dino.student.parameters(), strict=True
    ):
        torch.testing.assert_close(after, keep * before + (1 - keep) * fast)


def test_prototypes_stand_still_at_first():
    torch.manual_seed(0)
    model = DINO()
    model(BATCH).backward()
    assert model.student.prototypes.weight.grad is None
    model.after_step(0.5)
    model(BATCH).backward()
    assert model.student.prototypes.weight.grad.abs().sum() > 0
