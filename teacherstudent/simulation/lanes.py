"""Vector lanes: kernels that step several environments at once in one vector register, or one alone.

A kernel takes an argument ``at``: the number of one environment's lane, or None for all lanes of the group at
once. What `load` returns is then a float32, or a vector of them, and the same arithmetic works on both::

    velocity = load(rows, VX, at) + STEP * load(rows, FORCE, at)
    store(rows, VX, at, select(velocity > LIMIT, LIMIT, velocity))

Numba's loop vectoriser gives up on bodies with as many arrays as a contact solver has; here the vectors are a
type of their own, whose arithmetic is LLVM's vector arithmetic, whatever the processor's registers. Every
operation is done lane by lane: what one lane computes never depends on its neighbours, nor on its place.

In plain Python (``NUMBA_DISABLE_JIT``) ``at=None`` works on whole NumPy rows.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeAlias

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import ConcreteTemplate, infer_global, signature
from numba.extending import intrinsic, models, overload, register_model

from teacherstudent.contract.types import Array

WIDTH: Final = 8
"""Lanes in a group: float32 in a 256-bit register; LLVM splits them where registers are narrower."""

Value: TypeAlias = Any
"""A float32, or a float32 for every lane; comparisons give a bool, or one for every lane."""

At: TypeAlias = "int | None"
"""A lane, or None for all."""

_intrinsic: Callable[[Any], Any] = intrinsic
_FLAGS = ("nsz", "contract", "arcp", "afn")
_FLOATS: Final = ir.VectorType(ir.FloatType(), WIDTH)
_BOOLS: Final = ir.VectorType(ir.IntType(1), WIDTH)


class _Floats(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"float32x{WIDTH}")


class _Bools(types.Type):
    def __init__(self) -> None:
        super().__init__(name=f"boolx{WIDTH}")


_floats = _Floats()
_bools = _Bools()
_one = types.float32


# To LLVM the type is one vector, which it keeps in registers.
@register_model(_Floats)
class _FloatsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, _FLOATS)


@register_model(_Bools)
class _BoolsModel(models.PrimitiveModel):
    def __init__(self, manager: Any, fe_type: Any) -> None:
        super().__init__(manager, fe_type, _BOOLS)


def load(rows: Array, row: int, at: At) -> Value:
    """Return ``rows[row]`` of a lane or of all; ``rows`` is ``(rows, lanes)`` float32."""
    if at is None:
        return rows[row]
    return rows[row, at]


def store(rows: Array, row: int, at: At, value: Value) -> None:
    """Set ``rows[row]`` of a lane or of all lanes."""
    rows[row, slice(None) if at is None else at] = value


def select(condition: Value, yes: Value, no: Value) -> Value:
    """Return ``yes`` where the condition holds, else ``no``."""
    return np.asarray(np.where(condition, yes, no))[()]


def smaller(a: Value, b: Value) -> Value:
    """Return the smaller value."""
    return select(a < b, a, b)


def larger(a: Value, b: Value) -> Value:
    """Return the larger value."""
    return select(a > b, a, b)


def clamp(value: Value, low: Value, high: Value) -> Value:
    """Return the value, moved into the range."""
    return smaller(larger(value, low), high)


def size(a: Value) -> Value:
    """Return the absolute value."""
    return np.abs(a)


def root(a: Value) -> Value:
    """Return the square root."""
    return np.sqrt(a)


def any_lane(condition: Value) -> bool:
    """Return whether the condition holds anywhere."""
    return bool(np.any(condition))


def first_lane(at: At) -> int:
    """Return the first lane that ``at`` stands for."""
    return at or 0


def end_lane(at: At) -> int:
    """Return the number after the last lane that ``at`` stands for."""
    if at is None:
        return WIDTH
    return at + 1


def _all_lanes(at: Any) -> bool:
    # While Numba compiles, `at` is a type and not a value.
    return isinstance(at, types.NoneType)


def _spread(builder: Any, value: Any, type_: Any) -> Any:
    """Return a scalar in every lane; vectors as they are."""
    if type_ in (_floats, _bools):
        return value
    vector = ir.VectorType(value.type, WIDTH)
    # LLVM's way to spread a number: put it into the first lane, then let every lane take that one.
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(ir.IntType(32), 0))
    zeros = ir.Constant(ir.VectorType(ir.IntType(32), WIDTH), None)
    return builder.shuffle_vector(first, first, zeros)


def _define(
    symbol: Any, result: Any, pairs: list[tuple[Any, Any]], emit: Callable[[Any, Any, Any], Any]
) -> None:
    """Give an operator a meaning for lanes."""

    # Numba reads key and cases from a class, so every operator has its own.
    class Template(ConcreteTemplate):
        key = symbol
        cases = [signature(result, *pair) for pair in pairs]

    infer_global(symbol)(Template)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = (_spread(builder, arg, type_) for arg, type_ in zip(args, sig.args, strict=True))
        return emit(builder, a, b)

    for pair in pairs:
        lower_builtin(symbol, *pair)(lower)


def _arithmetic(name: str, builder: Any, a: Any, b: Any) -> Any:
    # The same freedoms as in scalar kernels: sums keep their order.
    return getattr(builder, name)(a, b, flags=_FLAGS)


def _comparison(name: str, builder: Any, a: Any, b: Any) -> Any:
    # Ordered: a comparison with what is no number is false, as in Python.
    return builder.fcmp_ordered(name, a, b)


def _logic(name: str, builder: Any, a: Any, b: Any) -> Any:
    return getattr(builder, name)(a, b)


# Lanes with lanes, or with a number on either side.
_PAIRS = [(_floats, _floats), (_floats, _one), (_one, _floats)]
for _symbol, _name in (
    (operator.add, "fadd"),
    (operator.sub, "fsub"),
    (operator.mul, "fmul"),
    (operator.truediv, "fdiv"),
):
    _define(_symbol, _floats, _PAIRS, partial(_arithmetic, _name))
for _symbol, _name in (
    (operator.lt, "<"),
    (operator.le, "<="),
    (operator.gt, ">"),
    (operator.ge, ">="),
    (operator.eq, "=="),
):
    _define(_symbol, _bools, _PAIRS, partial(_comparison, _name))
# Lanes need & and |: `and` would ask for a single truth value.
for _symbol, _name in ((operator.and_, "and_"), (operator.or_, "or_")):
    _define(_symbol, _bools, [(_bools, _bools)], partial(_logic, _name))


@infer_global(operator.neg)
class _Negative(ConcreteTemplate):
    cases = [signature(_floats, _floats)]


@lower_builtin(operator.neg, _floats)
def _lower_negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fneg(args[0])


def _row_pointer(context: Any, builder: Any, array_type: Any, array: Any, row: Any) -> Any:
    """Return a pointer to a whole row, as a vector."""
    value = context.make_array(array_type)(context, builder, array)
    # The address of the row's first lane.
    indices = [row, context.get_constant(types.intp, 0)]
    pointer = cgutils.get_item_pointer(context, builder, array_type, value, indices)
    return builder.bitcast(pointer, _FLOATS.as_pointer())


@_intrinsic
def _load_row(typing: Any, rows: Any, row: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _row_pointer(context, builder, sig.args[0], args[0], args[1])
        # Rows may start at any float32: four bytes is all that is certain.
        return builder.load(pointer, align=4)

    return _floats(rows, types.intp), code


@_intrinsic
def _store_row(typing: Any, rows: Any, row: Any, value: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        pointer = _row_pointer(context, builder, sig.args[0], args[0], args[1])
        builder.store(_spread(builder, args[2], sig.args[2]), pointer, align=4)
        return context.get_dummy_value()

    # A number becomes a float32 before it is spread.
    return types.none(rows, types.intp, value if value == _floats else _one), code


@_intrinsic
def _select_lanes(typing: Any, condition: Any, yes: Any, no: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        a, b = (_spread(builder, arg, type_) for arg, type_ in zip(args[1:], sig.args[1:], strict=True))
        return builder.select(args[0], a, b)

    a, b = (t if t == _floats else _one for t in (yes, no))
    return _floats(_bools, a, b), code


def _lanewise(name: str) -> Any:
    """Return one of LLVM's functions of one number, for lanes."""

    @_intrinsic
    def apply(typing: Any, a: Any) -> Any:
        def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            # LLVM names these functions by the vector's width and type.
            function_type = ir.FunctionType(_FLOATS, [_FLOATS])
            function = cgutils.get_or_insert_function(
                builder.module, function_type, f"llvm.{name}.v{WIDTH}f32"
            )
            return builder.call(function, [args[0]])

        return _floats(_floats), code

    return apply


_size_lanes = _lanewise("fabs")
_root_lanes = _lanewise("sqrt")


@_intrinsic
def _any_lanes(typing: Any, condition: Any) -> Any:
    def code(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # The lanes as bits of one whole number, which is 0 if none holds.
        bits = ir.IntType(WIDTH)
        return builder.icmp_unsigned("!=", builder.bitcast(args[0], bits), ir.Constant(bits, 0))

    return types.boolean(_bools), code


# From here on: what the functions above are in compiled code, by the types of their arguments.
@overload(load, strict=False)
def _load(rows: Any, row: Any, at: Any) -> Any:
    if _all_lanes(at):
        return lambda rows, row, at: _load_row(rows, row)
    return lambda rows, row, at: rows[row, at]


@overload(store, strict=False)
def _store(rows: Any, row: Any, at: Any, value: Any) -> Any:
    if _all_lanes(at):
        return lambda rows, row, at, value: _store_row(rows, row, value)

    def one(rows: Any, row: Any, at: Any, value: Any) -> None:
        rows[row, at] = value

    return one


@overload(select, strict=False)
def _select(condition: Any, yes: Any, no: Any) -> Any:
    if condition == _bools:
        return lambda condition, yes, no: _select_lanes(condition, yes, no)
    return lambda condition, yes, no: yes if condition else no


@overload(smaller, strict=False)
def _smaller(a: Any, b: Any) -> Any:
    return lambda a, b: select(a < b, a, b)


@overload(larger, strict=False)
def _larger(a: Any, b: Any) -> Any:
    return lambda a, b: select(a > b, a, b)


@overload(clamp, strict=False)
def _clamp(value: Any, low: Any, high: Any) -> Any:
    return lambda value, low, high: smaller(larger(value, low), high)


@overload(size, strict=False)
def _size(a: Any) -> Any:
    if a == _floats:
        return lambda a: _size_lanes(a)
    return lambda a: abs(a)


@overload(root, strict=False)
def _root(a: Any) -> Any:
    if a == _floats:
        return lambda a: _root_lanes(a)
    return lambda a: math.sqrt(a)


@overload(any_lane, strict=False)
def _any_lane(condition: Any) -> Any:
    if condition == _bools:
        return lambda condition: _any_lanes(condition)
    return lambda condition: condition


@overload(first_lane, strict=False)
def _first_lane(at: Any) -> Any:
    if _all_lanes(at):
        return lambda at: 0
    return lambda at: at


@overload(end_lane, strict=False)
def _end_lane(at: Any) -> Any:
    if _all_lanes(at):
        return lambda at: WIDTH
    return lambda at: at + 1
