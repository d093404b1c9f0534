"""Film frames with the 2D tracklet and the predicted mesh on them, as the caller drew them."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass

from dashboard.markup import Html, Panel, element

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclass(frozen=True)
class Picture:
    """One PNG and what it shows. The caller answers for its pixels: films, or heads blurred."""

    png: bytes
    caption: str


def strip_panel(pictures: Sequence[Picture]) -> Panel:
    """The pictures side by side, inside the page. ValueError names a picture that is no PNG."""
    if not pictures:
        body = element("p", "No pictures were given to this page.", class_="empty")
    else:
        body = element("div", *[_figure(picture) for picture in pictures], class_="strip")
    return Panel("strip", "Film frames: 2D tracklet and predicted body", body)


def _figure(picture: Picture) -> Html:
    if not picture.png.startswith(_PNG):
        raise ValueError(f"picture {picture.caption!r} is no PNG")
    source = "data:image/png;base64," + b64encode(picture.png).decode()
    image = element("img", src=source, alt=picture.caption, loading="lazy")
    return element("figure", image, element("figcaption", picture.caption))
