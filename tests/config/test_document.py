"""The JSON schema and the reference agree with the declarations and with every example."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from msgspec import inspect

from edge_router.config.document import docs, reference, schema_dict, schema_json, sections

ROOT = Path(__file__).parents[2]

#: What takes the place of a template's words where any text will not do.
FILLED = {"@PORT@": "8080", "@BAUDRATE@": "9600", "@INTERFACE@": "", "@DEVICE@": "/dev/ttyAMA0"}


def tracked_configs() -> list[Path]:
    """Every configuration in the project: files that begin as one and belong to git, or would."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "*.yaml", "*.yml", "*.json"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    return [ROOT / name for name in listed.split() if "\nworkers:" in (ROOT / name).read_text(encoding="utf-8")]


@pytest.fixture(scope="module")
def validator() -> Any:
    return jsonschema.Draft202012Validator(schema_dict())


def test_is_a_schema() -> None:
    """It obeys the draft it names, and is told as JSON."""
    jsonschema.Draft202012Validator.check_schema(schema_dict())
    assert json.loads(schema_json()) == json.loads(json.dumps(schema_dict()))


@pytest.mark.parametrize("path", tracked_configs(), ids=lambda path: str(path.relative_to(ROOT)))
def test_examples(path: Path, validator: Any) -> None:
    """Each configuration of the project satisfies the schema."""
    text = re.sub("@[A-Z]+@", lambda match: FILLED.get(match[0], "x"), path.read_text(encoding="utf-8"))
    validator.validate(yaml.safe_load(text))


def test_examples_were_found() -> None:
    """The configuration that `init` writes is one of them."""
    assert ROOT / "edge_router/cli/template/default/config.yaml" in tracked_configs()


WORKER = {"type": "router", "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 80}}]}


@pytest.mark.parametrize("port", [0, 65535, "$PORT"])
def test_good_port(port: object, validator: Any) -> None:
    """What loading takes, the schema takes."""
    worker = {**WORKER, "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": port}}]}
    validator.validate({"$schema": "x", "version": 2, "workers": [worker]})


@pytest.mark.parametrize(
    "tree",
    [
        {"version": 3},
        {"wrkers": []},
        {"workers": [{"type": "contaner"}]},
        {"workers": [{**WORKER, "transports": [{"type": "rawsocket", "endpoint": {"type": "tcp", "port": 65536}}]}]},
        {"workers": [{**WORKER, "transports": [{"type": "websock", "endpoint": {"type": "tcp", "port": 1}}]}]},
        {"bridges": [{"type": "serial"}]},
    ],
)
def test_wrong(tree: object, validator: Any) -> None:
    """What loading refuses as a wrong value, the schema refuses."""
    assert not validator.is_valid(tree)


@pytest.mark.parametrize("section", list(sections()), ids=lambda cls: cls.__name__)
def test_every_key_is_explained(section: Any) -> None:
    """Each section and each of its keys has a sentence in the docstring."""
    info = inspect.type_info(section)
    assert isinstance(info, inspect.StructType)
    found = docs(section)
    assert found.about
    assert [field.encode_name for field in info.fields if not found.fields.get(field.encode_name)] == []


def test_reference_is_up_to_date() -> None:
    """REFERENCE.md is what the declarations say; `python -m edge_router.config.document > REFERENCE.md` makes it."""
    assert (ROOT / "REFERENCE.md").read_text(encoding="utf-8") == reference()
