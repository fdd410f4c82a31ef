"""Installs the library and builds a program with what pkg-config says of it, in C and, where there is a compiler, in C++.

Usage: install_test.py BUILD_FOLDER C_COMPILER [CXX_COMPILER]
"""

import glob
import os
import subprocess
import sys
import tempfile
import unittest

BUILD_FOLDER, COMPILERS = sys.argv[1], sys.argv[2:]

PROGRAM = r"""
#include <mixdown.h>
#include <stdio.h>

static bool always(void *user)
{
    return user == NULL;
}

int main(void)
{
    mxd_render_options options = {MXD_BACKEND_CPU}; /* the rest is zero */
    mxd_problems *problems = mxd_problems_create();
    mxd_session *session = NULL;
    mxd_devices *devices = NULL;
    options.is_cancelled = always;
    if (!problems || mxd_devices_list(problems, &devices) != MXD_OK || devices->devices[0].backend != options.backend)
        return 1;
    mxd_devices_destroy(devices);
    if (mxd_session_load("nowhere.json", problems, &session) == MXD_OK)
        return 1;
    printf("%s: %s: %s", MXD_VERSION, mxd_problems_get(problems, 0)->file, mxd_problems_get(problems, 0)->text);
    mxd_problems_destroy(problems);
    return 0;
}
"""


def run(*command, **options):
    answer = subprocess.run(command, capture_output=True, text=True, timeout=300, **options)
    if answer.returncode != 0 or answer.stderr:
        raise AssertionError("%s: %d\n%s%s" % (" ".join(command), answer.returncode, answer.stdout, answer.stderr))
    return answer.stdout


class InstallTest(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = temporary.name
        self.prefix = os.path.join(self.folder, "moved")
        # Installed in one place and moved to another: nothing in it may tell the first.
        first = os.path.join(self.folder, "first")
        run("cmake", "--install", BUILD_FOLDER, "--prefix", first)
        os.rename(first, self.prefix)
        (package,) = glob.glob(os.path.join(self.prefix, "**", "mixdown.pc"), recursive=True)
        self.environment = dict(os.environ, PKG_CONFIG_PATH=os.path.dirname(package))

    def package(self, *arguments):
        return run("pkg-config", *arguments, "mixdown", env=self.environment).split()

    def check_program(self, compiler, *flags):
        source, program = os.path.join(self.folder, "program"), os.path.join(self.folder, "a.out")
        with open(source, "w", encoding="utf-8") as file:
            file.write(PROGRAM)
        run(compiler, *flags, "-Wall", "-Wextra", "-Wpedantic", "-Wno-missing-field-initializers",
            *self.package("--cflags"), source, "-o", program, "-x", "none", *self.package("--libs"))
        self.assertEqual(run(program, cwd=self.folder), "%s: nowhere.json: %s" % (
            self.package("--modversion")[0], "the session file cannot be opened: No such file or directory"))

    def test_c(self):
        self.check_program(COMPILERS[0], "-std=c17", "-x", "c")

    def test_cxx(self):
        if len(COMPILERS) < 2:
            self.skipTest("there is no C++ compiler")
        self.check_program(COMPILERS[1], "-std=c++17", "-x", "c++")

    def test_command(self):
        version = run(os.path.join(self.prefix, "bin", "mixdown"), "--version")
        self.assertEqual(version.split(), ["mixdown"] + self.package("--modversion"))


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
