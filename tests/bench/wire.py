"""Protobuf messages for the load generators, without stubs: field numbers and values."""

# Stands for a digit in a pattern (h2.h): a byte that is in no text, no length and no tag.
DIGIT = b"\xff"


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def message(fields):
    """Of numbers, texts and messages by field number; each # in a text is a digit of the call's
    number."""
    out = b""
    for number, value in fields.items():
        if isinstance(value, int):
            out += varint(number << 3) + varint(value)
            continue
        if isinstance(value, str):
            value = value.encode().replace(b"#", DIGIT)
        out += varint(number << 3 | 2) + varint(len(value)) + value
    return out
