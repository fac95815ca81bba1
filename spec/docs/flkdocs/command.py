"""The `flk` command, from its tree of subcommands."""

from collections.abc import Iterator
from importlib import import_module
from typing import TypeAlias

import typer.main
from typer import Context
from typer.core import TyperArgument, TyperCommand, TyperGroup, TyperOption

from flk.impl.command.app import MODULES, app
from flkdocs.markdown import code, joined, literal, table

Command: TypeAlias = TyperCommand | TyperGroup


def tree() -> TyperGroup:
    """The command as a tree."""
    for module in MODULES:
        import_module(f"flk.impl.command.{module}")
    group = typer.main.get_command(app)
    assert isinstance(group, TyperGroup)
    return group


def subcommands(group: TyperGroup) -> Iterator[tuple[str, Command]]:
    """The commands of a group by name."""
    for name, command in group.commands.items():
        assert isinstance(command, TyperCommand | TyperGroup)
        yield name, command


def parameters(command: Command, context: Context) -> Iterator[TyperArgument | TyperOption]:
    """The arguments and options of a command."""
    for parameter in command.get_params(context):
        if isinstance(parameter, TyperArgument | TyperOption):
            yield parameter


def overview() -> str:
    """The commands at a glance."""
    return table(["command", "what it does"], [(f"[`flk {n}`](#flk-{n})", _first(c)) for n, c in subcommands(tree())])


def commands() -> str:
    """Every command with its arguments, options and examples."""
    root = tree()
    context = Context(root, info_name="flk")
    return joined(part for name, command in subcommands(root) for part in _command(name, command, context, 2))


def _command(name: str, command: Command, parent: Context, level: int) -> list[str]:
    """A command with its arguments and options, then its subcommands."""
    context = Context(command, info_name=name, parent=parent)
    path = context.command_path
    usage = " ".join([path, *command.collect_usage_pieces(context)])
    parts = [f"{'#' * level} {path} {{ #{path.replace(' ', '-')} }}", _prose(command.help), code(usage)]
    rows = [_parameter(each, context) for each in parameters(command, context) if each.name != "help"]
    if rows:
        parts.append(table(["argument or option", "value", "meaning"], rows))
    if command.epilog:
        parts.append(_epilog(command.epilog))
    if isinstance(command, TyperGroup):
        for sub, inner in subcommands(command):
            parts += _command(sub, inner, context, level + 1)
    return parts


def _parameter(parameter: TyperArgument | TyperOption, context: Context) -> tuple[str, str, str]:
    required = " Required." if parameter.required else ""
    meaning = literal(parameter.help or "") + required
    if isinstance(parameter, TyperArgument):
        return f"`{parameter.display_name_raw}`", "", meaning
    names = ", ".join(f"`{name}`" for name in (*parameter.opts, *parameter.secondary_opts))
    if parameter.is_flag:
        return names, "", meaning
    default = parameter.get_default(context)
    shown = "" if default is None or default == () or callable(default) else f" Default: `{_value(default)}`."
    return names, f"`{parameter.display_type_rich(context)}`", meaning + shown


def _value(default: object) -> str:
    return str(getattr(default, "value", default))


def _prose(text: str | None) -> str:
    """The help of a command: paragraphs, with what is formatted for terminals left out."""
    paragraphs = (text or "").replace("\b", "").split("\n\n")
    return "\n\n".join(literal(" ".join(paragraph.split())) for paragraph in paragraphs if paragraph.strip())


def _epilog(text: str) -> str:
    """The examples at the end of a command's help, one to a line."""
    lines = [" ".join(each.split()).removeprefix("Examples: ") for each in text.split("\n\n") if each.strip()]
    return "Examples:\n\n" + code("\n".join(lines), "sh")


def _first(command: Command) -> str:
    """The first paragraph of a command's help."""
    return _prose((command.help or "").partition("\n\n")[0])
