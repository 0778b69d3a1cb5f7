"""The cases of tests/cases, each in a session of its own."""

import cases
import pytest

ALL = [
    pytest.param(case, document.get("given", {}), id=f"{path.stem}-{case['name'].replace(' ', '_')}")
    for path in cases.files()
    for document in [cases.load(path)]
    for case in document["cases"]
]


@pytest.mark.parametrize("case, given", ALL)
def test_case(spark, case, given):
    difference = cases.run(spark, case, given)
    assert difference is None, difference


def test_every_file_names_the_spark_that_answered():
    assert all(cases.load(path)["spark_version"].startswith("4.3") for path in cases.files())
