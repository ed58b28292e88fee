"""A configuration is read before anything expensive is loaded, and what is left out has a valid value."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from msgspec import convert, inspect, to_builtins

from edge_router import registry
from edge_router.config import schema
from edge_router.config.document import sections
from edge_router.config.parts import as_part
from tests.config.texts import REALM, write

SERIAL = REALM + "bridges:\n  - {type: serial, id: x, realm: realm1, device: /dev/ttyAMA0}\n"


def modules_after(code: str, *arguments: str) -> set[str]:
    """The modules a fresh interpreter has loaded after running `code`."""
    code += "\nimport sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


LOAD = "import sys; from pathlib import Path; from edge_router.config.load import load; load(Path(sys.argv[1]))"


def test_no_twisted_for_a_bridge(tmp_path: Path) -> None:
    """Loading a configuration with a bridge imports the bridge's declarations, not the bridge, and no Twisted."""
    modules = modules_after(LOAD, str(write(SERIAL, tmp_path)))
    assert "bridges.serial.config" in modules
    assert not {name for name in modules if name.split(".")[0] in ("twisted", "serial", "websockets", "cbor2")}
    assert "bridges.serial.bridge" not in modules


def test_only_what_is_needed(tmp_path: Path) -> None:
    """A good JSON file needs neither YAML nor the walk that finds problems, and no bridge that is not named."""
    modules = modules_after(LOAD, str(write("{}", tmp_path, "config.json")))
    assert not modules & {
        "yaml", "difflib", "importlib.metadata", "edge_router.config.walk", "edge_router.config.crossbar",
        "edge_router.config.document", "bridges",
    }  # fmt: skip


@pytest.mark.parametrize("module", ["load", "find", "check", "document", "walk", "yaml_file", "json_file"])
def test_no_twisted(module: str) -> None:
    """No module of the package imports Twisted."""
    assert not {name for name in modules_after(f"import edge_router.config.{module}") if name.startswith("twisted")}


def minimal(info: Any) -> Any:
    """The least value a declared type takes."""
    match info:
        case inspect.StructType():
            required = {field.encode_name: minimal(field.type) for field in info.fields if field.required}
            return {**({info.tag_field: info.tag} if info.tag else {}), **required, **ONE_OF.get(info.cls.__name__, {})}
        case inspect.UnionType():
            return minimal(info.types[0])
        case inspect.CustomType(cls=cls) if cls in schema.PART_KINDS:
            kind = schema.PART_KINDS[cls]
            return minimal(inspect.type_info(registry.config_class(kind, registry.names(kind)[0])))
        case inspect.Metadata():
            return minimal(info.type)
        case inspect.StrType(pattern=pattern):
            return next(text for text in ("x", "/x", "660", "x.y", "00" * 32) if re.search(pattern or "", text))
        case inspect.IntType():
            return info.ge or 0
        case inspect.FloatType():
            return info.ge or 1.0
        case inspect.ListType(item_type=item):
            return [minimal(item)]
        case inspect.LiteralType(values=values):
            return values[0]
        case inspect.DictType() | inspect.AnyType():
            return {}
        case _:
            raise AssertionError(f"no least value for {info}")


#: sections that need one of several keys, none of which is required by itself
ONE_OF: dict[str, dict[str, Any]] = {
    "Step": {"round": 0},
    "Uplink": {"transport": {"type": "rawsocket"}},
    "Window": {"count": 1},
    "SerialConfig": {"device": "/x"},
    "Ads1115Config": {"inputs": {"x": {"pins": "0"}}},
    "Mcp3008Config": {"inputs": {"x": "0"}},
    "FirmataConfig": {"device": "/x"},
    "ModbusConfig": {"host": "x"},
    "ModbusValue": {"register": "40001"},
    "DeviceMatch": {"serial": "x"},
    "Likeness": {"prefix": "x"},
    "Poll": {"send": "x"},
    "GpioConfig": {"chip": "x", "inputs": {"x": {"line": 0}}},
    "LayoutItem": {"name": "x"},
    "Layout": {"items": [{"type": "uint8", "name": "x"}]},
}


@pytest.mark.parametrize("section", list(sections()), ids=lambda cls: cls.__name__)
def test_defaults_are_valid(section: type) -> None:
    """A section with only what is required converts, and so does what its defaults say when written out."""
    least = minimal(inspect.type_info(section))
    made = convert(least, section, dec_hook=as_part)
    written = {
        name: to_builtins(getattr(made, attribute), str_keys=True)
        for attribute, name in zip(section.__struct_fields__, section.__struct_encode_fields__, strict=True)  # type: ignore[attr-defined]
    }
    tag = section.__struct_config__.tag  # type: ignore[attr-defined]
    again = convert({**({"type": tag} if tag else {}), **written}, section, dec_hook=as_part)
    assert again == made


def test_defaults_are_not_shared() -> None:
    """Changing one section's defaults changes no other's."""
    one, other = schema.RouterWorker(), schema.RouterWorker()
    one.realms.append(schema.Realm(name="a"))
    assert other.realms == []
