from services.analytics.domain.usage import StorageUsage
from services.analytics.servicers.convert import usage_message


def test_a_sum_beyond_the_field_becomes_its_maximum() -> None:
    for total, expected in ((2**63 - 2, 2**63 - 2), (2**70, 2**63 - 1)):
        assert usage_message(StorageUsage("s", 2, 2, total, 0, 0)).bytes == expected
