"""The rules of the audit log's filters, as audit.proto states them, on rows as audit_log has them."""

import decimal
import functools
import json
import re

SEVERITIES = ["emergency", "alert", "critical", "error", "warning", "notice", "info", "debug"]
IDEOGRAPHS = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30ff\u3105-\u312f\u3131-\u318e"
    "\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\ua4cf\uac00-\ud7af\uf900-\ufaff"
    "\uff66-\uff9f\u2600-\u27bf\U0001f300-\U0001faff\U00020000-\U0003ffff\u0e01-\u0eff\u1000-\u109f\u1780-\u17ff")
LETTERS = (
    "0-9a-zA-Z_\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u0e00\u0f00-\u0fff"
    "\u10a0-\u177f\u1800-\u1fff\u2c00-\u2dff\ua4d0-\uabff")
UNIT = re.compile(f"[{LETTERS}]+|[{IDEOGRAPHS}]")


def _fold_character(c):
    if "\uff01" <= c <= "\uff5e":
        plain = chr(ord(c) - 0xfee0)
        return plain.lower() if plain.isalnum() or plain == "_" else c
    if c == "ς":
        return "σ"
    cased = c <= "\u017f" or "\u0386" <= c <= "\u03ab" or "\u0400" <= c <= "\u042f" or c == "Ґ"
    return c.lower() if cased and len(c.lower()) == 1 else c


def fold(text):
    return "".join(map(_fold_character, text))


def units(text):
    """Words and single ideographs; an ideograph that follows another at once says so."""
    result, end = [], -1
    for found in UNIT.finditer(fold(text)):
        ideograph = re.match(f"[{IDEOGRAPHS}]", found[0]) is not None
        follows = ideograph and found.start() == end and result[-1][1]
        result.append((found[0], ideograph, follows))
        end = found.end()
    return result


@functools.lru_cache(None)
def terms(text):
    """What a value asks for."""
    asked, found = set(), units(text)
    for i, (unit, _, follows) in enumerate(found):
        followed = i + 1 < len(found) and found[i + 1][2]
        if follows:
            asked.add(found[i - 1][0] + unit)
        elif not followed:
            asked.add(unit)
    return asked


@functools.lru_cache(None)
def _stands(text):
    found = units(text)
    return {u[0] for u in found} | {a[0] + b[0] for a, b in zip(found, found[1:]) if b[2]}


def match(text, value):
    return bool(terms(value) & _stands(text))


def match_phrase(text, value):
    found, asked = units(text), units(value)
    return bool(asked) and any(
        all(f[0] == a[0] and (i == 0 or f[2] or not a[2])
            for i, (f, a) in enumerate(zip(found[at:], asked)))
        for at in range(len(found) - len(asked) + 1))


@functools.lru_cache(None)
def _like_regex(pattern):
    parts = re.findall(r"\\.|.", pattern, re.S)
    return re.compile("".join(".*" if p == "%" else "." if p == "_" else re.escape(p[-1])
                              for p in parts), re.S)


def like(text, pattern):
    return _like_regex(pattern).fullmatch(text) is not None


def _numeric(token):
    number = decimal.Decimal(token)
    if number.adjusted() > 131071 or number.as_tuple().exponent < -16383:
        raise ValueError
    return number


def _leaves(value, names):
    if isinstance(value, list):
        return [leaf for element in value for leaf in _leaves(element, names)]
    if not names:
        return [] if value is None else [value]
    return _leaves(value[names[0]], names[1:]) if isinstance(value, dict) and names[0] in value else []


def parse_ext(row):
    """Once for each row, as row["parsed"]."""
    try:
        row["parsed"] = json.loads(row.get("ext") or "{}", parse_int=_numeric, parse_float=_numeric)
        if "\\u0000" in (row.get("ext") or ""):
            raise ValueError
    except ValueError:
        row["parsed"] = {}


def _of_row(row, field):
    field = "content" if field == "message" else field
    if field.startswith("ext."):
        return _leaves(row["parsed"], field[4:].split("."))
    value = row.get(field)
    if field == "severity":
        return [-SEVERITIES.index(value)]
    return value or [] if field == "roles" else [] if value is None else [value]


@functools.lru_cache(None)
def _given(field, value):
    """A value of a condition, JSON, as what it is compared with."""
    parsed = json.loads(value, parse_int=decimal.Decimal, parse_float=decimal.Decimal)
    if field == "severity":
        text = str(parsed).lower()
        return -(int(text) if text.isdigit() else SEVERITIES.index(text))
    if field in ("optType", "resultType", "time", "eventTime"):
        return decimal.Decimal(parsed)
    if field == "id":
        return parsed.lower()
    return parsed if field.startswith("ext.") or isinstance(parsed, str) else value.decode()


def _compared(a, b):
    """Whether the two are of types that compare with each other."""
    kinds = [bool if isinstance(v, bool) else str if isinstance(v, str) else
             decimal.Decimal if isinstance(v, (int, decimal.Decimal)) else object for v in (a, b)]
    return kinds[0] is kinds[1] and kinds[0] is not object


def _key(value):
    return value.encode() if isinstance(value, str) else value


OPERATORS = {
    "Equal": lambda v, a: _key(v) == _key(a),
    "GreaterThan": lambda v, a: _key(v) > _key(a),
    "GreaterThanOrEqual": lambda v, a: _key(v) >= _key(a),
    "LessThan": lambda v, a: _key(v) < _key(a),
    "LessThanOrEqual": lambda v, a: _key(v) <= _key(a),
    "Between": lambda v, a, b: _key(a) <= _key(v) <= _key(b),
    "Like": like, "Match": match, "MatchPhrase": match_phrase}


def holds_condition(row, one):
    field, operator = one["field"], one["operator"]
    values = _of_row(row, field)
    given = [_given(field, value) for value in one["value"]]
    negated = operator.startswith("Not")
    operator = operator[3:] if negated else operator
    if operator == "Exists":
        return bool(values) != negated
    if operator == "InList":
        result = any(_compared(v, g) and _key(v) == _key(g) for v in values for g in given)
    else:
        result = any(_compared(v, given[0]) and OPERATORS[operator](v, *given) for v in values)
    return result != negated


def holds(row, given):
    if not all(holds_condition(row, one) for one in given.get("expr", ())):
        return False
    joined = any if given.get("op") == "or" else all
    filters = given.get("subFilter")
    return not filters or joined(holds(row, one) for one in filters)
