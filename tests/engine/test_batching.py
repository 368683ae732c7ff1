"""Batches: images together, the common part found, budgets kept, memory errors survived."""

import pytest
import torch

from gvt.engine.batching import Job, batches, group, halving


def job(number, image, after, reserve=2, beams=1):
    return Job(number, image, (1,), tuple(after), reserve, beams)


JOBS = [
    job(0, "a", [5, 6, 7, 8]),
    job(1, "b", [5, 6]),
    job(2, "a", [5, 6, 9]),
    job(3, "a", [5, 6, 7]),
    job(4, "c", [4], beams=3),
]


def test_the_longest_common_part_leaves_every_prompt_a_token():
    found = {one.image: (one.shared, [job.number for job in one.jobs]) for one in group(JOBS)}
    assert found == {"a": ((5, 6), [0, 2, 3]), "b": ((5,), [1]), "c": ((), [4])}


def test_another_text_before_the_image_is_another_prefix():
    other = Job(1, "a", (2,), (5, 6), 2)
    assert len(group([JOBS[0], other])) == 2


@pytest.mark.parametrize("tokens", [1, 30, 60, 10_000])
@pytest.mark.parametrize("rows", [1, 3, 100])
def test_every_job_is_in_one_batch_and_budgets_hold(tokens, rows):
    jobs = [job(i, "abcdefg"[i % 7], [5, *range(i % 5), i]) for i in range(40)]
    found = list(batches(group(jobs), width=4, tokens=tokens, rows=rows))
    assert sorted(j.number for batch in found for one in batch for j in one.jobs) == list(range(40))
    for batch in found:
        alone = sum(len(one.jobs) for one in batch) == 1
        # A rectangle: every group is padded to the longest.
        behind = [sum(len(j.after) - len(one.shared) + 2 for j in one.jobs) for one in batch]
        longest = max(1 + 4 + len(one.shared) for one in batch) + max(behind)
        assert alone or len(batch) * longest <= tokens
        assert alone or sum(one.rows() for one in batch) <= rows
    if tokens == 10_000 and rows == 100:
        assert len(found) == 1


@pytest.mark.parametrize("tokens", [30, 200])
def test_what_shares_nothing_counts_with_a_prefix_of_its_own(tokens):
    jobs = [Job(i, "ab"[i % 2], (1,), (5, *range(i % 5), i), 2, alone=True) for i in range(40)]
    found = list(batches(group(jobs), width=4, tokens=tokens, rows=100))
    assert sorted(j.number for batch in found for one in batch for j in one.jobs) == list(range(40))
    for batch in found:
        rows = [1 + 4 + len(j.after) + 2 for one in batch for j in one.jobs]
        assert len(rows) == 1 or sum(rows) <= tokens


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate"),
        MemoryError("no"),
    ],
)
def test_what_does_not_fit_is_halved_and_the_rest_goes_on(error):
    def compute(groups):
        numbers = [job.number for one in groups for job in one.jobs]
        if len(numbers) > 2 or 4 in numbers:
            raise error
        return numbers

    done, reasons = [], []
    for part, result in halving(group(JOBS), compute):
        if isinstance(result, str):
            reasons.append((result, [job.number for one in part for job in one.jobs]))
        else:
            done += result
    assert sorted(done) == [0, 1, 2, 3]
    ((reason, numbers),) = reasons
    assert numbers == [4] and reason.startswith("out of memory")


def test_beams_count_with_their_copies_of_the_prefix():
    jobs = [job(number, "ab"[number], [5, 6], reserve=3, beams=4) for number in range(2)]
    # Of each: a prefix of 1 + 4 + 1 tokens, and four beams with a copy of it and 4 tokens more.
    assert len(list(batches(group(jobs), width=4, tokens=2 * (6 + 4 * 10), rows=100))) == 1
    assert len(list(batches(group(jobs), width=4, tokens=2 * (6 + 4 * 10) - 1, rows=100))) == 2


def test_many_questions_of_one_image_are_not_one_row():
    """In one row each token attends to all others: the cost is quadratic."""
    jobs = [job(number, "a", [number], reserve=9) for number in range(300)]
    found = [
        one for batch in batches(group(jobs), width=4, tokens=10**9, rows=10**9) for one in batch
    ]
    assert sum(len(one.jobs) for one in found) == 300
    assert max(sum(len(j.after) + 9 for j in one.jobs) for one in found) <= 512
    few = [job(number, "a", [number], reserve=9) for number in range(50)]
    assert [len(b) for b in batches(group(few), width=4, tokens=10**9, rows=10**9)] == [1]


@pytest.mark.parametrize("error", [RuntimeError, NotImplementedError])
def test_other_errors_pass(error):
    def compute(groups):
        raise error("shape mismatch")

    with pytest.raises(RuntimeError, match="shape"):
        list(halving(group(JOBS), compute))
