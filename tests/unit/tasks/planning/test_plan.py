"""`plan` returns what is missing, for a start, a resume and a dry run."""

from hypothesis import given
from hypothesis import strategies as st

from tasks.broker.step_messages import CellId
from tasks.planning.plan import plan

chunk_ids = st.lists(st.sampled_from("abcdef"), max_size=8)  # repeats: chunks with equal texts
model_sets = st.lists(
    st.tuples(st.sampled_from(["bow", "minilm", "acme"]), st.integers(1, 3)),
    unique=True,
    min_size=1,
)


@st.composite
def states(draw):
    """Draw a job and what storage has of it."""
    chunks, models = draw(chunk_ids), draw(model_sets)
    scored = {model: draw(st.sets(st.sampled_from("abcdef"))) for model in models}
    parts = draw(st.sets(st.integers(0, max(0, len(chunks) - 1)))) if chunks else set()
    return chunks, models, scored, parts


def test_a_fresh_job_needs_every_cell_once_in_the_order_of_the_upload():
    missing = plan(["a", "b", "a"], [("bow", 1), ("minilm", 2)], {}, set())
    assert missing.cells == (
        CellId("a", "bow", 1),
        CellId("a", "minilm", 2),
        CellId("b", "bow", 1),
        CellId("b", "minilm", 2),
    )
    assert not missing.chunks


def test_scores_of_another_version_do_not_count():
    assert plan(["a"], [("bow", 2)], {("bow", 1): {"a"}}, set()).cells == (CellId("a", "bow", 2),)


def test_a_chunk_with_all_scores_only_needs_to_be_reduced():
    missing = plan(["a", "b"], [("bow", 1)], {("bow", 1): {"a"}}, set())
    assert missing.chunks == ("a",)
    assert missing.cells == (CellId("b", "bow", 1),)


def test_an_upload_without_feedback_is_complete():
    assert plan([], [("bow", 1)], {}, set()).complete


@given(states())
def test_the_plan_is_what_is_missing_and_nothing_else(state):
    chunks, models, scored, parts = state
    missing = plan(chunks, models, scored, parts)
    open_chunks = {chunk for position, chunk in enumerate(chunks) if position not in parts}
    expected = {
        CellId(chunk, *model)
        for chunk in open_chunks
        for model in models
        if chunk not in scored[model]
    }
    assert len(missing.cells) == len(set(missing.cells))
    assert set(missing.cells) == expected
    assert set(missing.chunks) == {
        chunk for chunk in open_chunks if all(chunk in scored[model] for model in models)
    }


@given(states())
def test_doing_the_planned_work_completes_the_job_in_two_rounds(state):
    chunks, models, scored, parts = state
    for cell in plan(chunks, models, scored, parts).cells:
        scored[(cell.model, cell.version)].add(cell.chunk)
    ready = plan(chunks, models, scored, parts)
    assert not ready.cells
    parts |= {position for position, chunk in enumerate(chunks) if chunk in ready.chunks}
    assert plan(chunks, models, scored, parts).complete
    assert parts >= set(range(len(chunks)))
