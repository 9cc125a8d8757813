"""
Make previews of pictures, with Pillow.

Pillow is no dependency of this package: without it previews are answered with 501
``storage_preview_unavailable``. Unlike the server's, they do not outlive their file.

Source: recordings ``files-preview``, ``files-preview-others``.
"""

from __future__ import annotations

import importlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from appwrite_local.buckets import Bucket, require_bucket
from appwrite_local.downloads import TOKEN, require_complete, require_open
from appwrite_local.errors import ApiError, unauthorized
from appwrite_local.files import BUCKET_ID, FILE_ID, PATH, READ, extension_of, store
from appwrite_local.messages import Response
from appwrite_local.permissions import allows
from appwrite_local.routing import Call, Param, Route
from appwrite_local.validators import IntegerRange, Matching, OneOf, is_numeric, range_rule

GRAVITIES = {
    "center": (0.5, 0.5), "top-left": (0, 0), "top": (0.5, 0), "top-right": (1, 0), "left": (0, 0.5), "right": (1, 0.5),
    "bottom-left": (0, 1), "bottom": (0.5, 1), "bottom-right": (1, 1),
}  # fmt: skip
OUTPUTS = {
    "jpg": "image/jpeg", "jpeg": "image/jpeg", "png": "image/png", "webp": "image/webp", "heic": "image/heic",
    "avif": "image/avif", "gif": "image/gif",
}  # fmt: skip
_READ = ("image/jpeg", "image/png", "image/gif", "image/webp", "image/heic")
_FORMATS = {
    "jpg": "JPEG",
    "jpeg": "JPEG",
    "png": "PNG",
    "webp": "WEBP",
    "avif": "AVIF",
    "gif": "GIF",
    "heic": "HEIF",
}
_ICON_SIZE = (1200, 800)
_COLOR = Matching(r"[0-9a-fA-F]{6}|[0-9a-fA-F]{3}|", "Value must be a valid Hex color code")


@dataclass(frozen=True, slots=True)
class Fraction:
    def problem(self, value: Any) -> str | None:
        return None if is_numeric(value) and 0 <= float(value) <= 1 else range_rule(0, 1)


def _require_pillow() -> Any:
    try:
        return importlib.import_module("PIL.Image")
    except ImportError:
        raise ApiError(
            "storage_preview_unavailable",
            message="Previews of the local server need Pillow: python -m pip install pillow.",
        ) from None


def preview_file(call: Call) -> Response:
    """Send a picture in another size or format; an icon for a file that is no picture."""
    bucket = require_bucket(call)
    _require_allowed(call, bucket)
    file = require_open(call, bucket)
    require_complete(file)
    images = _require_pillow()
    output = call.args["output"] or _output(file.name, file.mimeType)
    if file.mimeType in _READ:
        content = call.server.contents.read(file.seq, 0, file.size).read()
        try:
            image = images.open(io.BytesIO(content))
            image.load()
        except (OSError, SyntaxError, ValueError, images.DecompressionBombError) as error:
            raise ApiError("storage_file_type_unsupported", message=str(error)) from error
    else:
        image, output = _icon(images), call.args["output"] or "png"
    body = _encoded(images, _changed(images, image, call.args), output, call.args)
    params = "&".join(sorted(call.request.query_string.split("&")))
    kept = call.session.one(
        "SELECT 1 FROM _previews WHERE file_seq = ? AND params = ?", (file.seq, params)
    )
    if kept is None:
        call.session.execute("INSERT INTO _previews VALUES (?, ?)", (file.seq, params))
        store(call, file)  # the server notes when a file was last transformed
    return Response(
        200,
        body,
        {
            "Content-Type": OUTPUTS[output],
            "Cache-Control": f"private, max-age={15_552_000 if kept else 2_592_000}",
            "X-Appwrite-Cache": "hit" if kept else "miss",
            "Content-Length": str(len(body)),
        },
    )


def _require_allowed(call: Call, bucket: Bucket) -> None:
    if call.identity.is_key:
        return
    if not bucket.transformations:
        raise ApiError("storage_bucket_transformations_disabled")
    closed = not bucket.fileSecurity and not allows(bucket.permissions, "read", call.identity)
    if closed and not call.args["token"]:
        raise unauthorized()


def _output(name: str, mime_type: str) -> str:
    extension = extension_of(name).lower()
    if extension:
        return extension if extension in OUTPUTS else "jpg"
    return next((output for output, known in OUTPUTS.items() if known == mime_type), "jpg")


def _icon(images: Any) -> Any:
    """Draw the picture that stands for a file without one."""
    drawing = importlib.import_module("PIL.ImageDraw")
    image = images.new("RGB", _ICON_SIZE, "#f2f2f8")
    sheet = drawing.Draw(image)
    sheet.rectangle((480, 240, 720, 560), fill="#ffffff", outline="#c3c3c6", width=6)
    for top in range(320, 500, 50):
        sheet.line((530, top, 670, top), fill="#c3c3c6", width=10)
    return image


def _changed(images: Any, image: Any, args: Mapping[str, Any]) -> Any:
    image = image.convert("RGBA")
    image = _resized(images, image, int(args["width"]), int(args["height"]), args["gravity"])
    if float(args["opacity"]) < 1:
        alpha = image.getchannel("A").point(lambda value: int(value * float(args["opacity"])))
        image.putalpha(alpha)
    if border := int(args["borderWidth"]):
        framed = images.new(
            "RGBA",
            (image.width + 2 * border, image.height + 2 * border),
            _color(args["borderColor"]),
        )
        framed.paste(image, (border, border), image)
        image = framed
    if radius := int(args["borderRadius"]):
        drawing = importlib.import_module("PIL.ImageDraw")
        mask = images.new("L", image.size, 0)
        drawing.Draw(mask).rounded_rectangle((0, 0, image.width - 1, image.height - 1), radius, 255)
        rounded = images.new("RGBA", image.size, (0, 0, 0, 0))
        rounded.paste(image, (0, 0), mask)
        image = rounded
    if rotation := int(args["rotation"]) % 360:
        image = image.rotate(-rotation, expand=True)
    if args["background"]:
        ground = images.new("RGBA", image.size, _color(args["background"]))
        ground.alpha_composite(image)
        image = ground
    return image


def _resized(images: Any, image: Any, width: int, height: int, gravity: str) -> Any:
    """Resize to a width or a height, keeping the ratio, or crop to both."""
    if not width and not height:
        return image
    if not width or not height:
        ratio = image.width / image.height
        size = (width, int(width / ratio)) if width else (int(height * ratio), height)
        return image.resize((max(1, size[0]), max(1, size[1])))
    scale = max(width / image.width, height / image.height)
    image = image.resize(
        (max(width, round(image.width * scale)), max(height, round(image.height * scale)))
    )
    across, down = GRAVITIES[gravity]
    left, top = int((image.width - width) * across), int((image.height - height) * down)
    return image.crop((left, top, left + width, top + height))


def _color(text: str) -> str:
    return f"#{text or '000000'}"


def _encoded(images: Any, image: Any, output: str, args: Mapping[str, Any]) -> bytes:
    if output in ("jpg", "jpeg"):
        ground = images.new("RGB", image.size, "#ffffff")
        ground.paste(image, (0, 0), image)
        image = ground
    quality = int(args["quality"])
    options = (
        {"quality": quality} if quality >= 0 and output in ("jpg", "jpeg", "webp", "avif") else {}
    )
    written = io.BytesIO()
    try:
        image.save(written, _FORMATS[output], **options)
    except (KeyError, OSError) as error:
        raise ApiError(
            "storage_preview_unavailable",
            message=f"The Pillow installed here does not write {output} pictures.",
        ) from error
    return written.getvalue()


ROUTES = [
    Route(
        "GET", PATH + "/{fileId}/preview", preview_file, READ,
        (
            BUCKET_ID, FILE_ID, Param("width", IntegerRange(0, 4000), 0), Param("height", IntegerRange(0, 4000), 0),
            Param("gravity", OneOf(tuple(GRAVITIES)), "center"), Param("quality", IntegerRange(-1, 100), -1),
            Param("borderWidth", IntegerRange(0, 100), 0), Param("borderColor", _COLOR, ""),
            Param("borderRadius", IntegerRange(0, 4000), 0), Param("opacity", Fraction(), 1),
            Param("rotation", IntegerRange(-360, 360), 0), Param("background", _COLOR, ""),
            Param("output", OneOf(tuple(OUTPUTS)), ""), TOKEN,
        ),
    ),
]  # fmt: skip
