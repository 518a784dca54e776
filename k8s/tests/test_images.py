"""How images are built, with another docker."""

import os
import pathlib
import subprocess
import tempfile
import unittest

from chart import HERE


class Images(unittest.TestCase):
    def test_what_cannot_be_pushed_is_told_before_it_is_built(self):
        status = {"classic": "[[Backing Filesystem extfs]]", "containerd": "[[driver-type io.containerd.snapshotter.v1]]"}
        for driver, store, push, built in [("docker", "classic", "1", False), ("docker", "containerd", "1", True),
                                           ("docker-container", "classic", "1", True), ("docker", "classic", "", True)]:
            with self.subTest(driver=driver, store=store, push=push), tempfile.TemporaryDirectory() as scratch:
                docker = pathlib.Path(scratch) / "docker"
                docker.write_text(f"""#!/usr/bin/env bash
                    case "$1 $2" in
                        'buildx inspect') printf 'Name:   x\\nDriver: {driver}\\n\\nNodes:\\nName: x0\\n' ;;
                        'info --format') echo '{status[store]}' ;;
                        'buildx build') echo built ;;
                    esac""")
                docker.chmod(0o755)
                env = {"PATH": f"{scratch}:{os.environ['PATH']}", "PUSH": push}
                done = subprocess.run(["bash", HERE.parent / "images", "v1"], env=env, capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((done.stdout.count("built"), done.returncode), (6, 0) if built else (0, 1), done.stderr)
                self.assertEqual("docker buildx create --use --driver docker-container" in done.stderr, not built)


if __name__ == "__main__":
    unittest.main()
