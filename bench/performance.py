"""Every claim about speed, measured, and docs/performance.md written from it.

    make bench                                                        (all parts; an hour on two cores)
    python bench/performance.py [--only PART ...] [--clips FOLDER] [--against CHECKOUT] [--rounds 3]

Each part keeps what it measured in out/bench/PART.json with date and machine; the page is written from these files. So
one part can be measured again alone. Ends with 1 if something could not be measured, such as a peer that is not there:
the page then says so.
"""

import argparse
import os
import platform
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "bench")]

from claims import HEAD, Claim, Part  # noqa: E402

RESULTS = ROOT / "out" / "bench"
PAGE = ROOT / "docs" / "performance.md"
PARTS = {
    "start": "Start", "harvest": "Harvest", "memory": "Memory", "runtimes": "Runtimes of the networks",
    "decoders": "Decoders", "training": "Training",
}  # fmt: skip
"""Name of each part's script (NAME_claims.py), and its title on the page."""

Measure = Callable[[argparse.Namespace, str], tuple[list[Claim], list[str]]]


def run_part(name: str, head: str | None, measure: Measure, table: Callable[[], str] | None = None) -> None:
    """The main function of a part's script: measure, save, print; exits with 1 if something could not be measured."""
    parser = options(argparse.ArgumentParser(description=head, formatter_class=argparse.RawDescriptionHelpFormatter))
    given = parser.parse_args()
    claims, failures = measure(given, " ".join([f"bench/{name}_claims.py", *_shown(given)]))
    part = Part(
        name, datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"), machine(), claims, table() if table else "", failures
    )
    part.save(RESULTS)
    print(section(part))
    sys.exit(1 if failures else 0)


def _shown(given: argparse.Namespace) -> list[str]:
    """The options of this run for the page, without the paths of this machine."""
    shown = [f"--{name} {name.upper()}" for name in ("clips", "against") if getattr(given, name)]
    shown += ["--names", *given.names] if given.names else []
    return [*shown, f"--rounds {given.rounds}", f"--seconds {given.seconds:g}"]


def options(parser: argparse.ArgumentParser) -> argparse.ArgumentParser:
    """The options that all parts share."""
    parser.add_argument("--clips", type=Path, help="folder with the real clips; else films that are made")
    parser.add_argument("--against", type=Path, help="checkout of an earlier commit, for the column `before`")
    parser.add_argument("--names", nargs="+", help="of the part harvest only these clips (film, squats, ..., 4K)")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0, help="how much of each clip is used")
    parser.add_argument("--minutes", type=float, default=60.0, help="length of the long video of the part memory")
    return parser


def machine() -> str:
    """Processor, cores, load, and the versions that decide speed."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    model = next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine()
    )
    flags = next((line.split() for line in lines if line.startswith("flags")), [])
    vnni = "AVX-512 VNNI" if "avx512_vnni" in flags else "AVX-VNNI" if "avx_vnni" in flags else "no VNNI"
    versions = ", ".join(f"{name} {metadata.version(name)}" for name in ("onnxruntime", "torch", "numpy"))
    cores = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.0f}"
    return f"{model} ({vnni}), {cores}; Python {platform.python_version()}, {versions}"


def section(part: Part) -> str:
    """One part of the page."""
    lines = [f"## {PARTS[part.name]}", "", f"{part.date}; {part.machine}.", ""]
    if part.claims:
        command = part.claims[0].command
        lines += [f"`python {command}`", "", HEAD, *[claim.line() for claim in part.claims], ""]
    if part.text:
        lines += [part.text, ""]
    lines += [f"**Not measured:** {failure}" for failure in part.failures]
    return "\n".join(lines).rstrip() + "\n"


def write_page() -> list[str]:
    """docs/performance.md from what has been measured. Returns the parts and peers that are missing."""
    head = PAGE.read_text().split("<!-- measured: begin -->")[0] if PAGE.exists() else "# Performance\n\n"
    sections, missing = [], []
    for name, title in PARTS.items():
        file = RESULTS / f"{name}.json"
        if not file.exists():
            missing.append(f"{name}: its script did not end")
            sections.append(f"## {title}\n\n**Not measured:** `python bench/{name}_claims.py` did not end.\n")
            continue
        part = Part.load(file)
        missing += part.failures
        sections.append(section(part))
    PAGE.write_text(head + "<!-- measured: begin -->\n\n" + "\n".join(sections))
    return missing


def main() -> None:
    """See the file's head."""
    parser = options(argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter))
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--page", action="store_true", help="only write the page from what was measured before")
    given = parser.parse_args()
    passed = [f"--rounds={given.rounds}", f"--seconds={given.seconds}", f"--minutes={given.minutes}"]
    passed += [f"--{name}={getattr(given, name).resolve()}" for name in ("clips", "against") if getattr(given, name)]
    passed += ["--names", *given.names] if given.names else []
    for name in () if given.page else given.only:
        (RESULTS / f"{name}.json").unlink(missing_ok=True)
        subprocess.run([sys.executable, str(ROOT / "bench" / f"{name}_claims.py"), *passed], cwd=ROOT)
    missing = write_page()
    sys.exit("\n".join(["not measured:", *missing]) if missing else 0)


if __name__ == "__main__":
    main()
