"""The list of contents that the bff's image carries for its pages: nothing in a bundle tells what it is made of."""

import functools
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

from chart import HERE, ROOT, tool

WEB = ROOT / "services/bff/web"
# What a page is built from; sdk is for sites that show the Messenger.
PAGES = ("rpc", "kit", "loader", "messenger", "console", "preview", "sdk")
LIST = "web.cdx.json"


@functools.cache
def listed():
    """As the Dockerfile makes it."""
    return subprocess.run(["node", "tools/contents.mjs"], cwd=WEB, capture_output=True, text=True, check=True, timeout=60).stdout


def packages(text):
    """Names and versions of a list in CycloneDX."""
    purls = (component["purl"].replace("%40", "@") for component in json.loads(text)["components"] if "purl" in component)
    return dict(purl.removeprefix("pkg:npm/").rsplit("@", 1) for purl in purls)


def imported():
    """The packages that the pages' own sources name."""
    for place in PAGES:
        for file in (WEB / place).rglob("*.[jt]s*"):
            if not re.search(r"\btest(ing)?\b", file.name) and "node_modules" not in file.parts:
                for name in re.findall(r"""^(?:import|export)[^'";]*?from '([^'.][^']*)'""", file.read_text(), re.MULTILINE):
                    if not name.startswith("node:"):
                        yield "/".join(name.split("/")[: 2 if name.startswith("@") else 1])


class Contents(unittest.TestCase):
    def test_every_package_that_a_page_imports_is_listed_and_what_only_builds_them_is_not(self):
        about = json.loads((WEB / "package.json").read_text())
        found = packages(listed())
        self.assertTrue(set(imported()))
        self.assertEqual(set(imported()) - set(found), set())
        self.assertEqual({name: found.get(name) for name in about["dependencies"]}, about["dependencies"])
        self.assertEqual(set(about["devDependencies"]) & set(found), set())

    def test_a_scanner_finds_the_list_where_the_image_has_it_and_browsers_do_not_get_it(self):
        dockerfile = (HERE.parent / "Dockerfile").read_text()
        self.assertIn(f"node tools/contents.mjs > {LIST}", dockerfile)
        bff = re.search(r"^FROM base AS bff$.*?^FROM", dockerfile, re.MULTILINE | re.DOTALL).group()
        place = re.search(rf"^COPY --from=pages /src/{re.escape(LIST)} (\S+)$", bff, re.MULTILINE).group(1)
        self.assertFalse(place.startswith("/web/"))
        with tempfile.TemporaryDirectory() as scratch:
            root = pathlib.Path(scratch) / "root"
            file = root / place.lstrip("/")
            file.parent.mkdir(parents=True)
            file.write_text(listed())
            scan = lambda: packages(tool("trivy", "rootfs", "--quiet", "--format", "cyclonedx", "--cache-dir", f"{scratch}/cache", root))
            self.assertEqual({name: version for name, version in scan().items() if name != "messenger-web"}, packages(listed()))
            # planted: under a name that says nothing
            file.rename(root / "web.json")
            self.assertEqual(scan(), {})


if __name__ == "__main__":
    unittest.main()
