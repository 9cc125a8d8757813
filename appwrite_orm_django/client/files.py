"""
Upload, read, list and delete files of a bucket.

Facts: recordings ``files-*``, ``chunked-*``, ``tokens``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from appwrite_orm_django.client.forms import Form
from appwrite_orm_django.client.listing import every_item
from appwrite_orm_django.client.queries import Query
from appwrite_orm_django.client.references import path_segment
from appwrite_orm_django.client.transport import Transport

File = dict[str, Any]
#: Bytes of every chunk but the last: the server numbers a chunk by where it begins.
CHUNK_BYTES = 5 * 1024 * 1024


class FileRef(NamedTuple):
    """A file, identified by its bucket's id and its own."""

    bucket: str
    file: str

    @property
    def path(self) -> str:
        """The file's path after the endpoint."""
        return f"{files_path(self.bucket)}/{path_segment(self.file)}"


class Span(NamedTuple):
    """The place of a chunk in its file: where it begins, and the bytes of the whole file."""

    start: int
    total: int


def files_path(bucket_id: str) -> str:
    return f"/storage/buckets/{path_segment(bucket_id)}/files"


def is_complete(file: File) -> bool:
    """Return whether all chunks of a file have arrived: incomplete ones are listed as well."""
    return bool(file["chunksUploaded"] >= file["chunksTotal"] and file["signature"])


def get_file(transport: Transport, ref: FileRef) -> File:
    """
    Return what the server knows of a file.

    Raises:
        FileNotFound: there is no such file, or the user may not read it.
        BucketNotFound: there is no such bucket.
    """
    found: File = transport.call("GET", ref.path)
    return found


def list_files(
    transport: Transport, bucket_id: str, queries: Sequence[Query] = ()
) -> Iterator[File]:
    """Yield the files of a bucket, incomplete ones too; names compare without case and accents."""
    return every_item(transport, files_path(bucket_id), "files", queries)


def upload(
    transport: Transport,
    ref: FileRef,
    name: str,
    content: bytes,
    permissions: Sequence[str] | None = None,
    span: Span | None = None,
) -> File:
    """
    Upload a file, or a chunk of it.

    Repeating it does no harm: the server answers 409 to a second whole file, and drops a second
    chunk.

    Args:
        permissions: of the file, as far as the last chunk has them; None for the server's default.
        span: the place of a chunk.

    Returns:
        the file so far, which may be another client's: a whole file that meets an incomplete one
        of its id is taken for a chunk of that.

    Raises:
        FileExists: the id is taken, perhaps by an unanswered attempt of this call (``ambiguous``
            is then True). Never raised for a chunk.
        FileRefused: the bucket does not allow its size or its extension.
        BucketNotFound: there is no such bucket.
    """
    fields = [("fileId", path_segment(ref.file))]
    fields += [("permissions[]", permission) for permission in permissions or ()]
    headers: dict[str, str] = {}
    if span is not None:
        end = span.start + len(content) - 1
        headers = {
            "content-range": f"bytes {span.start}-{end}/{span.total}",
            "x-appwrite-id": ref.file,
        }
    uploaded: File = transport.call(
        "POST", files_path(ref.bucket), headers, safe=True, form=Form(fields, name, content)
    )
    return uploaded


def download(transport: Transport, ref: FileRef, first: int = 0, last: int | None = None) -> bytes:
    """
    Return the content of a file, or the bytes from ``first`` to ``last`` inclusive.

    A range must have at least two bytes and must not pass the end (recording ``files-range``).

    Raises:
        FileNotFound: there is no such file, it is incomplete, or the user may not read it.
    """
    headers = {"accept-encoding": "identity", "accept": "*/*"}
    if last is not None:
        headers["range"] = f"bytes={first}-{last}"
    content: bytes = transport.call("GET", f"{ref.path}/download", headers, response_type="bytes")
    return content


def preview(transport: Transport, ref: FileRef, params: dict[str, Any]) -> bytes:
    """Return a picture in another size or format."""
    content: bytes = transport.call(
        "GET", f"{ref.path}/preview", {"accept": "*/*"}, params, response_type="bytes"
    )
    return content


def delete_file(transport: Transport, ref: FileRef) -> None:
    """
    Delete a file.

    Raises:
        FileNotFound: there is no such file, perhaps because an unanswered attempt has deleted it.
    """
    transport.call("DELETE", ref.path, safe=True)


def create_token(transport: Transport, ref: FileRef, expire: str) -> dict[str, Any]:
    """
    Create a token that opens a file to anyone who has it.

    Args:
        expire: when it ends, in ISO format.
    """
    path = f"/tokens/buckets/{path_segment(ref.bucket)}/files/{path_segment(ref.file)}"
    created: dict[str, Any] = transport.call("POST", path, params={"expire": expire})
    return created
