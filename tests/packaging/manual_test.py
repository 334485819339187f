# SPDX-License-Identifier: Apache-2.0
"""The manual pages and completions as packaging/manual.py has made them: nothing of the program is missing in them,
man(1) reads them without complaint, and the shells complete by them.
"""

import functools
import os
import pathlib
import re
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ["NARROWGATE_BUILD"])
PROGRAM = BUILD / "daemon" / "narrowgate"
MANUAL = BUILD / "packaging" / "manual"
PAGES = ("narrowgate.1", "narrowgate.toml.5", "narrowgate-fleet.5")


def run(*command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "LC_ALL": "C.UTF-8", "MANWIDTH": "300"}, **options)


@functools.cache
def read(page):
    """The page as a person sees it, on one line, without hyphens of its own."""
    shown = run("man", "-l", MANUAL / page).stdout
    return re.sub(r"\s+", " ", re.sub(r".\x08", "", shown))


@functools.cache
def commands():
    """Every command as words, by asking the program itself: {path: its help}."""
    found, waiting = {}, [()]
    while waiting:
        path = waiting.pop()
        found[path] = run(PROGRAM, *path, "--help").stdout
        section = re.search(r"^Subcommands:\n((?:  .*\n)+)", found[path], re.M)
        waiting += [(*path, name) for name in re.findall(r"^  (\S+)", section[1], re.M)] if section else []
    return found


def bash_completes(*words):
    """What bash offers for the last of the words."""
    script = (f"source {MANUAL / 'narrowgate.bash'}; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _narrowgate;"
              "printf '%s\\n' \"${COMPREPLY[@]}\"")
    done = run("bash", "--norc", "-c", script, "bash", *words, cwd=MANUAL)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return set(done.stdout.split())


def zsh_completes(*words):
    """What zsh's own functions are called with for the last of the words: its menus are theirs."""
    script = ("_arguments() { print -rl -- \"arguments $words[*]\" \"$@\" }; _files() { }\n"
              "_describe() { print -rl -- \"describe $words[*]\" \"${(@)subcommands}\" }\n"
              f"words=(\"$@\"); CURRENT=$#; source {MANUAL / '_narrowgate'}")
    done = run("zsh", "-f", "-c", script, "zsh", *words)
    assert done.returncode == 0 and not done.stderr, done.stderr
    return done.stdout


class ManualTest(unittest.TestCase):
    def test_man_reads_every_page_without_a_warning(self):
        for page in PAGES:
            done = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", MANUAL / page)
            self.assertEqual((done.returncode, done.stderr), (0, ""), page)
            self.assertRegex(run("lexgrog", MANUAL / page).stdout, r'"\S+ - .+"', page)

    def test_every_command_and_every_option_of_it_is_in_the_page(self):
        page, every = read("narrowgate.1"), commands()
        self.assertGreater(len(every), 25)
        for path, text in every.items():
            name = " ".join(("narrowgate", *path))
            self.assertIn(f" {name} ", page)
            for option in set(re.findall(r"^ {2,4}(?:-\w,)?(--[a-z-]+)", text, re.M)) - {"--help", "--version"}:
                part = re.search(rf" {name} (?:(?!COMMANDS).)*?{option}\b", page.split(" COMMANDS ")[1])
                self.assertTrue(part, f"{name} {option}")
        for number in range(5):
            self.assertRegex(page, rf"EXIT STATUS .*\b{number} \w")

    def test_every_key_of_the_configuration_is_in_a_page(self):
        # A test of the daemon holds docs/configuration.md to what is read.
        keys = re.findall(r"(?m)^\| `([a-z_.]+)` \|", (ROOT / "docs" / "configuration.md").read_text())
        self.assertGreater(len(keys), 50)
        for key in keys:
            fleet = key.split(".")[0] in ("fleet", "route", "map", "tariff")
            self.assertIn(f" {key} ", read("narrowgate-fleet.5" if fleet else "narrowgate.toml.5"))

    def test_bash_completes_commands_options_and_files(self):
        for path, text in commands().items():
            offered = bash_completes("narrowgate", *path, "")
            section = re.search(r"^Subcommands:\n((?:  .*\n)+)", text, re.M)
            expected = set(re.findall(r"^  (\S+)", section[1], re.M)) if section else set()
            expected |= set(re.findall(r"^ {2,4}(?:-\w,)?(--[a-z-]+)", text, re.M))
            self.assertLessEqual(expected, offered, path)
        self.assertEqual(bash_completes("narrowgate", "device", "ro"), {"rotate"})
        self.assertEqual(bash_completes("narrowgate", "device", "add", "wm-1", "--fl"), {"--fleet"})
        self.assertEqual(bash_completes("narrowgate", "device", "add", "--fleet", ""), set(), "a name of a person's own")
        self.assertIn("_narrowgate", bash_completes("narrowgate", "check", "--config", "_narr"))
        self.assertIn("_narrowgate", bash_completes("narrowgate", "device", "import", "_narr"))
        # A device may be called like a command.
        self.assertIn("--json", bash_completes("narrowgate", "device", "show", "add", "--"))

    def test_zsh_is_told_commands_options_and_files(self):
        self.assertIn("describe narrowgate \nrun:Serve in the foreground", zsh_completes("narrowgate", ""))
        told = zsh_completes("narrowgate", "device", "add", "wm-1", "--fl")
        self.assertTrue(told.startswith("arguments narrowgate wm-1 --fl\n"), told)
        self.assertIn("--fleet[The fleet that it belongs to]:NAME: \n", told)
        self.assertIn("--psk-file[", told)
        self.assertIn(":FILE:_files\n", told)
        for path, text in commands().items():
            told = zsh_completes("narrowgate", *path, "")
            for option in re.findall(r"^ {2,4}(?:-\w,)?(--[a-z-]+)", text, re.M):
                self.assertIn(f"\n{option}[", told, path)


if __name__ == "__main__":
    unittest.main()
