"""Swagger UI, which displays the document: its page and the files that the page loads."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from swagger_ui_bundle import swagger_ui_path

_OWN: Final = Path(__file__).parent / "page"

PAGE: Final = _OWN / "index.html"

# The files by their name below /docs/; other files of the package are not served.
FILES: Final[Mapping[str, Path]] = {
    "start.js": _OWN / "start.js",
    **{
        name: Path(swagger_ui_path / name)
        for name in ("swagger-ui.css", "swagger-ui-bundle.js", "favicon-32x32.png")
    },
}
