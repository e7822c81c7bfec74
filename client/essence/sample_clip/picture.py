"""Pictures of the test clip: moving colour bars with the number of the picture."""

from typing import Final

from av.video.frame import VideoFrame

# White, yellow, cyan, green, magenta, red, blue, black at 75 %: Y, Cb, Cr (Rec. ITU-R BT.709).
_BARS: Final = (
    (180, 128, 128),
    (168, 44, 136),
    (145, 147, 44),
    (133, 63, 52),
    (63, 193, 204),
    (51, 109, 212),
    (28, 212, 120),
    (16, 128, 128),
)
# Each digit has three by five dots; a row is three bits.
_DIGITS: Final = (
    (7, 5, 5, 5, 7),
    (2, 6, 2, 2, 7),
    (7, 1, 7, 4, 7),
    (7, 1, 3, 1, 7),
    (5, 5, 7, 1, 1),
    (7, 4, 7, 1, 7),
    (7, 4, 7, 5, 7),
    (7, 1, 2, 2, 2),
    (7, 5, 7, 5, 7),
    (7, 5, 7, 1, 7),
)
_ROWS: Final = 5
_DIGIT_WIDTH: Final = 4
_BLACK: Final = 16
_WHITE: Final = 235
_PIXELS_PER_STEP: Final = 4


class Painter:
    """Paints pictures of one size, in 4:2:0; both sides are even."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        # Two periods of the bars, so that every shift is one slice.
        self._bars = [_row(width >> (plane > 0), plane) * 2 for plane in range(3)]
        self._dot = max(1, height // 40)

    def paint(self, number: int) -> VideoFrame:
        """The picture with this number, counted from 0."""
        frame = VideoFrame(self._width, self._height, "yuv420p")
        for index, plane in enumerate(frame.planes):
            shift = number * _PIXELS_PER_STEP % self._width >> (index > 0)
            row = self._bars[index][shift : shift + plane.width].ljust(plane.line_size, b"\0")
            rows = [row] * plane.height
            if index == 0:
                self._count(rows, number)
            plane.update(b"".join(rows))
        return frame

    def _count(self, rows: list[bytes], number: int) -> None:
        """Write the number into the rows of luma, in a black box in the upper left corner."""
        dot = self._dot
        for line, dots in enumerate(_text(number)):
            for y in range((line + 1) * dot, (line + 2) * dot):
                if y < len(rows):
                    text = b"".join(bytes([_WHITE if lit else _BLACK]) * dot for lit in dots)
                    row = rows[y][:dot] + text + rows[y][dot + len(text) :]
                    rows[y] = row[: len(rows[y])]


def _row(width: int, plane: int) -> bytes:
    return bytes(_BARS[x * len(_BARS) // width][plane] for x in range(width))


def _text(number: int) -> list[list[bool]]:
    """Rows of dots, with an empty row above and below."""
    width = _DIGIT_WIDTH * len(str(number)) + 1
    lines = [[False] * width for _ in range(_ROWS + 2)]
    for place, digit in enumerate(str(number)):
        for row, bits in enumerate(_DIGITS[int(digit)]):
            for column in range(3):
                lines[row + 1][place * _DIGIT_WIDTH + column + 1] = bool(bits >> (2 - column) & 1)
    return lines
