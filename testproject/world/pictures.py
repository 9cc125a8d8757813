"""Pictures of countries: how they are shown, and the ones that the demo draws."""

from __future__ import annotations

import colorsys
import hashlib
import io

from django.core.files.base import ContentFile
from django.utils.html import format_html

from appwrite_orm_django.templatetags.appwrite_files import file_url
from testproject.world.models import Country

SIZE = (240, 160)


def picture(country: Country, width: int) -> str:
    """Return a country's picture in a width in pixels; empty text if it has none."""
    if not country.picture:
        return ""
    address = file_url(country.picture, width=width)
    return format_html(
        '<img class="picture" src="{}" width="{}" alt="" loading="lazy">', address, width
    )


def drawn(country: Country) -> ContentFile[bytes]:
    """Draw a sign of a country: its code on bands whose colours follow from its name."""
    from PIL import Image, ImageDraw, ImageFont

    digits = hashlib.sha256(country.name.encode()).digest()
    image = Image.new("RGB", SIZE)
    drawing = ImageDraw.Draw(image)
    for band in range(3):
        light = 0.30 + 0.12 * band
        colour = colorsys.hls_to_rgb(digits[band] / 255, light, 0.55)
        top = band * SIZE[1] // 3
        fill = "#" + "".join(f"{round(part * 255):02x}" for part in colour)
        drawing.rectangle((0, top, SIZE[0], top + SIZE[1] // 3), fill=fill)
    middle = (SIZE[0] / 2, SIZE[1] / 2)
    drawing.text(middle, country.alpha_2, "white", ImageFont.load_default(72), anchor="mm")
    written = io.BytesIO()
    image.save(written, "PNG", optimize=True)
    return ContentFile(written.getvalue(), f"{country.alpha_2.lower()}.png")
