"""What the documentation points to is there."""

import re
import subprocess
from collections import Counter
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
_FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(\s*<?([^)>\s]+)>?[^)]*\)")
_HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*#*$", re.MULTILINE)


def _pages() -> list[Path]:
    listing = subprocess.run(
        ["git", "ls-files", "-z", "*.md"], cwd=CHECKOUT, capture_output=True, text=True, check=True
    )
    return [Path(name) for name in listing.stdout.split("\0") if name]


def anchors(markdown: str) -> set[str]:
    """Return the anchors of the headings as GitHub makes them: of several alike, the later ones are numbered."""
    found: set[str] = set()
    seen: Counter[str] = Counter()
    for heading in _HEADING.findall(_FENCE.sub("", markdown)):
        words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        found.add(slug if not seen[slug] else f"{slug}-{seen[slug]}")
        seen[slug] += 1
    return found


def dead_links(page: Path, checkout: Path = CHECKOUT) -> list[str]:
    """Return the links of *page* within the checkout whose file or heading is not there."""
    dead = []
    for link in _LINK.findall(_FENCE.sub("", (checkout / page).read_text())):
        if re.match(r"[a-z][a-z0-9+.-]*:", link):
            continue
        name, _, anchor = link.partition("#")
        target = (checkout / page).parent / name if name else checkout / page
        if not target.exists() or (anchor and anchor not in anchors(target.read_text())):
            dead.append(link)
    return dead


@pytest.mark.parametrize("page", _pages(), ids=str)
def test_every_link_between_pages_leads_somewhere(page: Path) -> None:
    assert dead_links(page) == []


def test_a_dead_link_is_found(tmp_path: Path) -> None:
    (tmp_path / "there.md").write_text("# What `it` does, and not\n\n## Twice\n\n## Twice\n")
    alive = (
        "[a](there.md) ![b](there.md#what-it-does-and-not) [c](there.md#twice-1) [d](#here) [e](https://x.example/#y)"
    )
    page = f"# Here\n{alive}\n[f](gone.md) [g](there.md#twice-2) [h](#gone)\n```\n[i](in-code.md)\n```\n"
    (tmp_path / "page.md").write_text(page)
    assert dead_links(Path("page.md"), tmp_path) == ["gone.md", "there.md#twice-2", "#gone"]
