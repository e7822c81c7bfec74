from client.loading.sizing import MAX_ROWS, TARGET_SECONDS, BatchSize


def test_batches_grow_while_they_are_quick_and_full():
    size = BatchSize()
    first = size.rows
    size.took(TARGET_SECONDS / 10, first)
    assert size.rows == 2 * first
    size.took(TARGET_SECONDS / 10, first)
    assert size.rows == 2 * first
    for _ in range(20):
        size.took(0, size.rows)
    assert size.rows == MAX_ROWS


def test_slow_and_too_large_ones_shrink_to_one_row_at_least():
    size = BatchSize(8)
    size.took(3 * TARGET_SECONDS, 8)
    assert size.rows == 4
    for _ in range(5):
        size.halve()
    assert size.rows == 1
