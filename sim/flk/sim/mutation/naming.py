"""Operators that put one name for another of the same type: fields, members of enumerations, arguments, policies."""

from collections.abc import Iterator
from inspect import Parameter
from itertools import pairwise

import libcst as cst

from flk.formal.mutation.mutant import Mutant
from flk.formal.mutation.source import Source
from flk.sim.mutation.reading import called, running
from flk.sim.mutation.types import EMPTY, Types, text_of


def field(source: Source, types: Types) -> Iterator[Mutant]:
    """Another field of the same type, and another member of the same enumeration."""
    for node in running(source, cst.Attribute):
        if isinstance(source.parent(node), cst.AssignTarget | cst.AnnAssign):
            continue
        value, name = node.value, node.attr.value
        if isinstance(value, cst.Name) and (other := types.member_after(value.value, name)) is not None:
            yield source.mutant("member", (node.attr, other))
        elif not isinstance(value, cst.Name) or value.value != "self":
            for sibling in types.siblings(name):
                yield source.mutant("field", (node.attr, sibling))


def arguments(source: Source, types: Types) -> Iterator[Mutant]:
    """Two arguments of the same type in the other order, and a named argument left out that has a default."""
    for call in running(source, cst.Call):
        parameters = types.parameters(called(call))
        if not parameters or any(argument.star for argument in call.args):
            continue
        given = list(_given(call, parameters))
        for (one, first), (other, second) in pairwise(given):
            alike = text_of(first.annotation) == text_of(second.annotation) and first.annotation is not EMPTY
            if alike and source.code(one.value) != source.code(other.value):
                yield source.mutant(
                    "arguments", (one.value, source.code(other.value)), (other.value, source.code(one.value))
                )
        for argument, parameter in given:
            if argument.keyword is not None and parameter.default is not EMPTY and len(call.args) > 1:
                yield source.mutant("default", (argument.value, repr(parameter.default)))


def policy(source: Source) -> Iterator[Mutant]:
    """What a policy says is not followed, but the default, or in the case of a time-out nothing."""
    for node in running(source, cst.Attribute):
        holder = source.code(node.value)
        if holder.rpartition(".")[2] != "policy" or isinstance(source.parent(node), cst.Attribute):
            continue
        yield source.mutant("policy", (node, f"type({holder})().{node.attr.value}"))
        if "timeout" in node.attr.value or "interval" in node.attr.value:
            yield source.mutant("policy", (node, 'float("inf")'))


def _given(call: cst.Call, parameters: tuple[Parameter, ...]) -> Iterator[tuple[cst.Arg, Parameter]]:
    by_name = {parameter.name: parameter for parameter in parameters}
    for argument, parameter in zip(call.args, parameters, strict=False):
        if argument.keyword is None:
            yield argument, parameter
    for argument in call.args:
        if argument.keyword is not None and argument.keyword.value in by_name:
            yield argument, by_name[argument.keyword.value]
