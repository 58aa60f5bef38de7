"""Every command with a file argument checks that the file is allowed before it does anything."""

import pytest
from click.testing import CliRunner

from chorus.cli.deploy_commands import deploy
from chorus.cli.diff_commands import diff
from chorus.cli.ensemble_commands import ensembles
from chorus.cli.job_commands import export
from chorus.cli.model_commands import models
from chorus.cli.upload_commands import plan
from models.interface.import_result import NotAModel
from storage.places.allowlist import NotAllowed
from tests.support.runs.command import Command

TRAIN = ("--target", "mood", "--mode", "one_of", "--labels", "label")


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (plan, ["{}"]),
        (plan, ["-", "--out", "{}"]),
        (plan, ["-", "--out", "{}.csv"]),
        (export, ["--customer", "acme", "--out", "{}.csv"]),
        (models, ["train", "bow", "--data", "{}", *TRAIN]),
        (models, ["train", "bow", "--data", "in/in.csv", "--encoder", "{}", *TRAIN]),
        (models, ["publish", "bow", "{}", "--target", "mood"]),
        (models, ["publish", "bow", "in", "--target", "mood", "--texts", "{}"]),
        (ensembles, ["publish", "moods", "{}"]),
        (diff, ["bow@1", "bow@2", "--html", "{}"]),
        (deploy, ["kubernetes", "--out", "{}"]),
    ],
)
def test_every_file_argument_outside_the_allowed_places_is_refused(
    command, arguments, tmp_path, monkeypatch
):
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path)
    outside = tmp_path / "in" / ".." / "file"
    environment = {
        "CHORUS_HOME": str(tmp_path / "home"),
        "CHORUS_ALLOWED_PLACES": str(tmp_path / "in"),
    }
    ended = CliRunner().invoke(
        command, [word.format(outside) for word in arguments], env=environment
    )
    assert isinstance(ended.exception, NotAllowed), ended.output
    assert not (tmp_path / "home").exists()
    assert not (tmp_path / "file").exists()


def test_a_folder_with_a_link_out_of_the_allowed_places_is_refused(tmp_path):
    (tmp_path / "in/model/deep").mkdir(parents=True)
    (tmp_path / "weights").write_text("not for everybody")
    (tmp_path / "in/model/loop").symlink_to(tmp_path / "in/model")
    (tmp_path / "in/model/deep/config.json").symlink_to(tmp_path / "weights")
    (tmp_path / "in/model/linked").symlink_to(tmp_path / "in/model/deep")
    environment = {
        "CHORUS_HOME": str(tmp_path / "home"),
        "CHORUS_ALLOWED_PLACES": str(tmp_path / "in"),
    }
    arguments = ["publish", "bow", str(tmp_path / "in/model"), "--target", "mood"]
    ended = CliRunner().invoke(models, arguments, env=environment)
    assert isinstance(ended.exception, NotAllowed), ended.output
    (tmp_path / "in/model/deep/config.json").unlink()
    ended = CliRunner().invoke(models, arguments, env=environment)
    assert isinstance(ended.exception, NotAModel), "nothing else is wrong with such a folder"


def test_a_refused_request_exits_with_status_2_and_lists_the_allowed_places(tmp_path):
    command = Command(tmp_path / "home", CHORUS_ALLOWED_PLACES=f"{tmp_path}/in, s3://acme/in")
    ended = command.here("score", tmp_path / "in.csv", "--json")
    assert (ended.status, ended.json["status"]) == (2, "refused")
    assert f"{tmp_path}/in, s3://acme/in" in ended.json["error"]
    assert not (tmp_path / "home" / "feedback").exists()
