"""Plugins of a package that stands on the path as an installed one does: what is wrong with one names it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from annotator import ingest, registry
from annotator.core.errors import BadInput, BrokenPlugin, UnknownName
from annotator.core.identity import Pseudonymiser
from annotator.engine.jobs.importing import ImportOptions, import_manifest, import_paths
from annotator.engine.jobs.progress import Silent
from annotator.engine.jobs.simulating import simulate_clips
from annotator.project import Project
from annotator.registry import plugins

Install = Callable[[str, str], None]

READER = """
import numpy as np
from annotator.plugin import ClipHeader, Recording
class Reader:
    name = "echo-raw"
    def recognises(self, path):
        if path.stem == "odd": raise LookupError("no such thing")
        return path.suffix == ".raw"
    def read(self, path, pseudonymiser):
        size = np.array([2, 4, 6]) if path.stem == "numpy" else (2, 4, 6)
        header = ClipHeader(path.stem, pseudonymiser.key("x"), *size)
        if path.stem == "read": raise KeyError("where")
        if path.stem == "nothing": return None
        return [Recording(header, self.frames(path.stem))]
    def frames(self, stem):
        yield np.zeros((4, 6), np.uint8)
        if stem == "frame": raise ZeroDivisionError("in the middle")
        yield [[1, 2], [3, 4]] if stem == "list" else np.ones((4, 6), np.uint8)
    def read_masks(self, path):
        return np.zeros((1, 4, 6), np.float32)
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Make a package of a module's text and its entry points; both are gone afterwards."""
    numbers = iter(range(9))

    def make(points: str, text: str) -> None:
        name = f"{tmp_path.name.replace('-', '_')}_{next(numbers)}"
        folder = tmp_path / "site" / name
        (folder / f"{name}-1.0.dist-info").mkdir(parents=True)
        (folder / f"{name}-1.0.dist-info" / "METADATA").write_text(f"Name: bad-tools-{name[-1]}\nVersion: 1.0\n")
        (folder / f"{name}-1.0.dist-info" / "entry_points.txt").write_text(points.replace("MODULE", name))
        (folder / f"{name}.py").write_text(text)
        monkeypatch.syspath_prepend(folder)
        forget()

    def forget() -> None:
        for cached in (plugins._points, plugins._plugin, registry.protocols):
            cached.cache_clear()

    yield make
    monkeypatch.undo()
    forget()


def test_a_plugin_that_cannot_be_imported_is_named_and_keeps_only_its_own_kind_from_work(install: Install) -> None:
    groups = ("readers", "writers", "networks", "simulators")
    install("".join(f"[annotator.{g}]\nbad = MODULE:Thing\n" for g in groups), "import no_such_module\n")
    sentence = r"'bad' \(annotator.\w+\) of bad-tools-0 failed \(ModuleNotFoundError: .* at line 1\)"
    with pytest.raises(BrokenPlugin, match=sentence):
        registry.readers()["bad"].read_masks(Path("mask.png"))
    for find in (registry.writer, registry.network, registry.simulator):
        with pytest.raises(BrokenPlugin, match=sentence):
            find("bad")
    assert registry.network("unet").name == "unet"
    assert registry.writer("png").name == "png"
    assert "bad" not in registry.writers()
    with pytest.raises(BrokenPlugin, match=sentence):
        registry.networks()["bad"].build(in_channels=1, n_classes=2, options={})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("def Thing(): return 5", "is no NetworkFactory, but of the type 'int'"),
        ("class Thing:\n    name = 'other'\n    def build(self, **options): pass", "calls itself 'other'"),
    ],
)
def test_a_plugin_of_another_kind_or_name_is_refused(install: Install, text: str, says: str) -> None:
    """By the name that it gives itself its weights would be looked for, and not found."""
    install("[annotator.networks]\nbad = MODULE:Thing\n", text)
    with pytest.raises(BrokenPlugin, match=says):
        registry.network("bad")


def test_two_plugins_of_one_name_are_refused_where_the_last_one_won(install: Install) -> None:
    install("[annotator.networks]\nunet = MODULE:Thing\n", "class Thing:\n    name = 'unet'\n    build = None\n")
    with pytest.raises(BrokenPlugin, match="of bad-tools-0 and of echo-annotator is there more than once"):
        registry.network("unet")


def test_a_protocol_that_another_plugin_has_or_that_cannot_be_read_names_its_plugin(install: Install) -> None:
    install("[annotator.protocols]\nbad = no_such_package\n", "")
    with pytest.raises(BrokenPlugin, match=r"'bad' \(annotator.protocols\) of bad-tools-0 failed"):
        registry.protocol("apical")


def test_two_protocols_of_one_name_are_refused(install: Install, tmp_path: Path) -> None:
    install("[annotator.protocols]\nmine = MODULE\n", "")
    name = f"{tmp_path.name.replace('-', '_')}_0"
    package = tmp_path / "site" / name / name
    package.mkdir()
    (package / "__init__.py").touch()
    structure = '[[structures]]\nid = "x"\nname = "X"\ncolour = "#ff0000"\nkey = "q"\n'
    (package / "p.toml").write_text(f'name = "plax"\ntitle = "Mine"\n{structure}')
    with pytest.raises(BrokenPlugin, match="'plax', as "):
        registry.protocol("plax")


@pytest.mark.parametrize("stem", ["odd", "read", "nothing", "frame", "list", "numpy"])
def test_a_reader_that_fails_is_told_with_the_file_and_the_file_can_be_left_out(
    install: Install, tmp_path: Path, stem: str
) -> None:
    install("[annotator.readers]\necho-raw = MODULE:Reader\n", READER)
    bad, good = tmp_path / f"{stem}.raw", tmp_path / "good.raw"
    bad.touch()
    good.touch()
    with Project.create(tmp_path / "project", registry.protocol("apical")) as project:
        with pytest.raises(BadInput, match=rf"{stem}\.raw: the plugin 'echo-raw' .* of bad-tools-0 failed"):
            import_paths(project, [bad], ImportOptions(), author="a", progress=Silent())
        assert project.clips() == ()
        import_paths(project, [good], ImportOptions(), author="a", progress=Silent())
        assert project.check().is_sound
        assert [clip.name for clip in project.clips()] == ["good"]


def test_a_reader_that_cannot_be_loaded_is_named_and_stops_nobody_elses_files(install: Install, tmp_path: Path) -> None:
    """One broken plugin kept every file from every import, those that other readers know too."""
    install("[annotator.readers]\nbad = MODULE:Thing\n", "import no_such_module\n")
    folder, only = tmp_path / "archive", tmp_path / "strange"
    for place in (folder, only):
        place.mkdir()
        (place / "x.vendor").write_bytes(b"who knows")
    tifffile.imwrite(folder / "clip.tif", np.arange(48, dtype=np.uint8).reshape(2, 4, 6))
    (folder / "m.csv").write_text("image,patient\nclip.tif,one\n")
    named = "'bad' (annotator.readers) of bad-tools-0"
    with Project.create(tmp_path / "project", registry.protocol("apical")) as project:
        report = import_paths(project, [folder], ImportOptions(), author="a", progress=Silent())
        assert report.added == 1
        assert sum(named in sentence for sentence in report.warnings) == 1
        told = import_manifest(project, folder / "m.csv", values=None, author="a", progress=Silent())
        assert sum(named in sentence for sentence in told.warnings) == 1
        for strange in (only, only / "x.vendor"):
            with pytest.raises(
                BadInput, match=r"of (no|a) known format, and the plugin 'bad' .* repair the plugin"
            ) as error:
                import_paths(project, [strange], ImportOptions(), author="a", progress=Silent())
            assert "one of bad" not in str(error.value)


def test_a_damaged_file_that_a_reader_stumbles_over_does_not_stop_an_archive(install: Install, tmp_path: Path) -> None:
    install("[annotator.readers]\necho-raw = MODULE:Reader\n", READER)
    for stem in ("good", "read"):
        (tmp_path / f"{stem}.raw").touch()
    paths = sorted(tmp_path.glob("*.raw"))
    found = list(ingest.read_paths(paths, registry.readers(), Pseudonymiser(b"s"), skip_damaged=True))
    assert [bool(read.damage) for read in found] == [False, True]


def test_masks_that_are_no_integers_are_refused(install: Install, tmp_path: Path) -> None:
    install("[annotator.readers]\necho-raw = MODULE:Reader\n", READER)
    with pytest.raises(BadInput, match=r"\(1, 4, 6\) float32"):
        registry.readers()["echo-raw"].read_masks(tmp_path / "m.raw")


def test_frames_of_a_guarded_reader_can_be_read_again(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "clip.tif", np.arange(48, dtype=np.uint8).reshape(2, 4, 6))
    (recording,) = registry.readers()["stills"].read(tmp_path / "clip.tif", Pseudonymiser(b"s"))
    assert all(np.array_equal(a, b) for a, b in zip(recording.frames, recording.frames, strict=True))


@pytest.mark.parametrize(
    "body", ["raise KeyError('boom')", "return Recording(header, [np.zeros((9, 9), np.uint8)] * 2)"]
)
def test_a_simulator_that_fails_or_forgets_labels_is_named(install: Install, tmp_path: Path, body: str) -> None:
    text = f"""
import numpy as np
from annotator.plugin import ClipHeader, Pseudonymiser, Recording
class Simulator:
    name, protocol, domains = "lung", "apical", ("a",)
    def simulate(self, *, patient, domain, seed, n_frames):
        header = ClipHeader("x", Pseudonymiser(b"s").key("p"), n_frames, 9, 9, domain=domain)
        {body}
"""
    install("[annotator.simulators]\nlung = MODULE:Simulator\n", text)
    with pytest.raises(BrokenPlugin, match=r"'lung' .* of bad-tools-0"):
        simulate_clips(
            registry.simulator("lung"),
            tmp_path / "out",
            patients=1,
            domains=("a",),
            seed=0,
            n_frames=2,
            progress=Silent(),
        )
    assert not (tmp_path / "out").exists()
    with pytest.raises(UnknownName, match="lung"):
        registry.simulator("liver")
