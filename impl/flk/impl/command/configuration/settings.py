"""What a command's options are called in a file and in the environment, and what they may be: all read from its signature."""

import inspect
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import msgspec
from typer.models import OptionInfo

PREFIX = "FLK_"
_WORDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text in quotes"}


class Given(NamedTuple):
    """Settings, by name, as the command line would give them; where each was found; and every mistake, with its place."""

    values: Mapping[str, object]
    places: Mapping[str, str]
    mistakes: Sequence[str]


class Setting(NamedTuple):
    """An option as a file may set it: the type of its value for msgspec, whether that is a path, its help, and what it may be."""

    name: str
    type: Any
    is_path: bool
    is_list: bool
    help: str
    form: str

    @property
    def variable(self) -> str:
        """The environment variable that sets it."""
        return PREFIX + self.name.upper()

    def __contains__(self, value: object) -> bool:
        """Whether the value may stand there."""
        try:
            msgspec.convert(value, self.type)
        except msgspec.ValidationError:
            return False
        return True


def settings_of(command: Callable[..., object]) -> Mapping[str, Setting]:
    """The settings of a command, by name, in the order of its options; an argument or a context is none."""
    hints = get_type_hints(command, include_extras=True)
    found = (_setting(name, hints[name]) for name in inspect.signature(command).parameters)
    return {setting.name: setting for setting in found if setting is not None}


def _setting(name: str, hint: Any) -> Setting | None:
    option = next((each for each in getattr(hint, "__metadata__", ()) if isinstance(each, OptionInfo)), None)
    if option is None:
        return None
    kind = _present(get_args(hint)[0])
    several = get_origin(kind) is list
    item: Any = get_args(kind)[0] if several else kind
    is_path = item is Path
    if is_path:
        item = str
    form = _form(item, option)
    if option.min is not None or option.max is not None:
        item = Annotated[item, msgspec.Meta(ge=option.min, le=option.max)]
    if several:
        item, form = list[item], f"a list, each of it {form}"
    return Setting(name, item, is_path, several, option.help or "", form)


def _present(kind: Any) -> Any:
    """The type without None."""
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
    return kind


def _form(kind: Any, option: OptionInfo) -> str:
    if get_origin(kind) is Literal:
        return "one of " + ", ".join(f'"{each}"' for each in get_args(kind))
    bounds = ""
    if option.min is not None and option.max is not None:
        bounds = f" from {option.min:g} to {option.max:g}"
    elif option.min is not None:
        bounds = f" of at least {option.min:g}"
    return _WORDS[kind] + bounds
