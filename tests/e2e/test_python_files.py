"""Files of a session for its Python functions: modules, packages, plain files, archives."""

import uuid
import zipfile

import pytest
from pyspark.sql.functions import udf


@pytest.fixture
def names(spark):
    """Calls a function that takes nothing, on a worker of the session."""

    def call(f, returns="string"):
        return spark.range(1).select(udf(f, returns)("id").alias("r")).first().r

    return call


def test_modules_are_imported(spark, names, tmp_path):
    module = "m" + uuid.uuid4().hex
    (tmp_path / f"{module}.py").write_text("def answer():\n    return 'from a module'\n")
    package = "p" + uuid.uuid4().hex
    with zipfile.ZipFile(tmp_path / f"{package}.zip", "w") as z:
        z.writestr(f"{package}/__init__.py", "def answer():\n    return 'from a package'\n")
    assert names(lambda _: "before") == "before"
    spark.addArtifact(str(tmp_path / f"{module}.py"), str(tmp_path / f"{package}.zip"), pyfile=True)

    def use(name):
        def f(_):
            import importlib

            return importlib.import_module(name).answer()

        return f

    assert names(use(module)) == "from a module"
    assert names(use(package)) == "from a package"


def test_files_and_archives_are_found(spark, names, tmp_path):
    (tmp_path / "data.txt").write_text("plain")
    with zipfile.ZipFile(tmp_path / "pack.zip", "w") as z:
        z.writestr("inner/deep.txt", "unpacked")
    spark.addArtifact(str(tmp_path / "data.txt"), file=True)
    spark.addArtifact(f"{tmp_path / 'pack.zip'}#here", archive=True)
    assert names(lambda _: open("data.txt").read()) == "plain"
    assert names(lambda _: open("here/inner/deep.txt").read()) == "unpacked"


def test_another_session_does_not_see_them(spark, server, tmp_path):
    if server.pid is None:
        pytest.skip("asks our own server for sessions")
    (tmp_path / "mine.txt").write_text("mine")
    spark.addArtifact(str(tmp_path / "mine.txt"), file=True)
    other = server.session()
    try:
        import os

        seen = other.range(1).select(udf(lambda _: os.path.exists("mine.txt"), "boolean")("id").alias("r")).first().r
        assert seen is False
    finally:
        other.stop()
