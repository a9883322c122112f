"""Attachments as a generated client keeps and gets them."""

import programs

PART = 256 << 10


def pieces(m, content, name="a.txt", content_type="", size=PART):
    yield m.PutAttachmentRequest(name=name, content_type=content_type)
    for at in range(0, len(content), size):
        yield m.PutAttachmentRequest(content=content[at:at + size])


def put(sender, content=b"content", **fields):
    """Gives its AttachmentInfo."""
    return sender.stub.PutAttachment(pieces(sender.m, content, **fields), timeout=programs.WAIT,
                                     metadata=sender.metadata).attachment


def get(sender, attachment_id, metadata=(), **fields):
    """Its Content-Type and what it holds."""
    first, *rest = sender.stub.GetAttachment(
        sender.m.GetAttachmentRequest(attachment_id=attachment_id, **fields), timeout=programs.WAIT,
        metadata=[*sender.metadata, *metadata])
    assert first.data == b"" and all(m.data and m.content_type == "" for m in rest)
    return first.content_type, b"".join(m.data for m in rest)
