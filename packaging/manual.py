#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the manual pages and the shells' completions, from what cannot be out of date: the program's own help for
narrowgate(1) and the completions, docs/configuration.md, which a test holds to the code, for the pages of the files.
"""

import argparse
import os
import pathlib
import re
import subprocess
import sys

PROGRAM = "narrowgate"
FILES = """/etc/narrowgate/narrowgate.toml|The gateway's configuration, narrowgate.toml(5).
/etc/narrowgate/fleets.d/*.toml|A file for each fleet, narrowgate-fleet(5).
/var/lib/narrowgate|The store with sessions, devices and readings, and state.key, under which it is sealed.
/run/narrowgate/control.sock|By which commands speak to the daemon: open to the group narrowgate.
/usr/share/doc/narrowgate|The documentation, from quickstart.md to troubleshooting.md, and examples."""
ENVIRONMENT = """CREDENTIALS_DIRECTORY|Where systemd puts credentials. One named narrowgate-state-key in it is the sealing key, in \
place of state.key."""


class Entry:
    """An option or a positional argument of a command, as its help shows it."""

    def __init__(self, spec, text):
        self.spec, self.text = spec, text
        words = re.sub(r" (Excludes|Needs):.*", "", spec).replace(" REQUIRED", "").split()
        self.names = [word for word in words[0].split(",") if word.startswith("-")]
        self.required = " REQUIRED" in spec
        self.value, _, self.default = (words[1] if len(words) > 1 else "").partition("=")

    @property
    def long(self):
        return self.names[-1] if self.names else ""


class Command:
    """One command's help, taken apart, and its subcommands."""

    def __init__(self, program, path):
        self.path = path
        # Help is asked for where no configuration of this machine plays a part.
        text = subprocess.run([program, *path, "--help"], check=True, capture_output=True, text=True,
                              env={**os.environ, "LC_ALL": "C.UTF-8"}).stdout
        self.about, self.usage, *lines = text.splitlines()
        self.entries = {"Positionals": [], "Options": [], "Subcommands": []}
        section, footer = None, []
        for line in lines:
            heading = re.fullmatch(r"\s*(Positionals|Options|Subcommands):", line)
            if footer or (section and line and not line.startswith((" ", "[")) and not heading):
                footer.append(line)
            elif heading:
                section = heading[1]
            elif section and re.match(r" {20}", line) and self.entries[section]:
                last = self.entries[section][-1]
                last.text = f"{last.text} {line.strip()}".strip()
            elif section and re.match(r" {2,4}\S", line) and "[" != line.strip()[0]:
                spec, _, text = re.fullmatch(r"(.*?)(  +(.*))?", line.strip()).groups()
                self.entries[section].append(Entry(spec, text and text.strip() or ""))
        self.footer = "\n".join(footer).strip()
        self.subcommands = [Command(program, [*path, entry.spec]) for entry in self.entries["Subcommands"]]

    @property
    def options(self):
        return [entry for entry in self.entries["Options"] if entry.long != "--help"]

    def walk(self):
        yield self
        for command in self.subcommands:
            yield from command.walk()


def roff(text):
    """Text as roff prints it, and takes none of it for a request."""
    for plain, escaped in (("\\", r"\e"), ("-", r"\-"), ("~", r"\(ti"), ("^", r"\(ha"), ("`", r"\(ga"), ("'", r"\(aq")):
        text = text.replace(plain, escaped)
    return re.sub(r"(?m)^\.", r"\\&.", text)


def bold(text):
    return rf"\fB{roff(text)}\fR"


def heading(title, section, version):
    return [f'.TH "{title}" "{section}" "" "{PROGRAM} {version}" "Narrowgate"', ".nh", ".ad l"]


def paragraphs(text):
    """Blocks of plain text; those with indented lines stay as they are."""
    lines = []
    for block in re.split(r"\n\s*\n", text.strip()):
        if re.search(r"(?m)^ ", block):
            lines += [".PP", ".EX", *roff(block).splitlines(), ".EE"]
        else:
            lines += [".PP", *roff(block).splitlines()]
    return lines


def definitions(table):
    lines = []
    for row in table.splitlines():
        name, _, text = row.partition("|")
        lines += [".TP", bold(name), roff(text)]
    return lines


def synopsis(command):
    words = [bold(" ".join([PROGRAM, *command.path]))]
    if command.options:
        words.append(r"[\fIOPTION\fR]...")
    for entry in command.entries["Positionals"]:
        value = rf"\fI{roff(entry.value or entry.spec)}\fR"
        words.append(value if entry.required else f"[{value}]")
    return " ".join(words)


def entry_lines(entry):
    head = ", ".join(bold(name) for name in entry.names) or rf"\fI{roff(entry.value or entry.spec)}\fR"
    if entry.names and entry.value:
        head += rf" \fI{roff(entry.value)}\fR"
    text = entry.text + (" (required)" if entry.required and entry.names else "")
    if entry.default:
        text += f" (default {entry.default})"
    return [".TP", head, roff(text)]


def page_of_program(top, version):
    lines = heading("NARROWGATE", "1", version)
    lines += [".SH NAME", rf"narrowgate \- {roff(top.about[0].lower() + top.about[1:].rstrip('.'))}", ".SH SYNOPSIS"]
    leaves = [command for command in top.walk() if not command.subcommands]
    for number, command in enumerate(leaves):
        lines += ([".br"] if number else []) + [synopsis(command)]
    lines += [".SH DESCRIPTION", *paragraphs(
        "Narrowgate stands between NB-IoT nodes, which speak CoAP over DTLS with a pre-shared key, and brokers that want\n"
        "MQTT 5 over TLS with client certificates. A node is answered when its reading is on disk, and no node has to shake\n"
        "hands again after a restart.\n\n"
        "Each command explains itself with --help, as it does here."), *paragraphs(top.footer), ".SH COMMANDS"]
    for command in top.walk():
        if not command.path:
            continue
        lines += [f".SS {' '.join([PROGRAM, *command.path])}", ".PP", roff(command.about + "."), ".PP"]
        if not command.subcommands:
            lines.append(synopsis(command))
        for entry in [*command.entries["Positionals"], *command.options]:
            lines += entry_lines(entry)
        # A command without a last word of its own has that of the program.
        if command.footer != top.footer:
            lines += paragraphs(command.footer)
    codes = re.search(r"Exit codes: (.*)\.", top.footer)[1]
    lines += [".SH EXIT STATUS"]
    for code in codes.split(", "):
        number, _, meaning = code.partition(" ")
        lines += [".TP", bold(number), roff(meaning + ".")]
    lines += [".SH SIGNALS", *definitions("SIGTERM, SIGINT|The daemon brings what is in flight to an end and stops. No node is told.\n"
                                          "SIGHUP|It reads fleets, log level and certificates again, all or nothing.")]
    lines += [".SH ENVIRONMENT", *definitions(ENVIRONMENT), ".SH FILES", *definitions(FILES), ".SH SEE ALSO",
              r"\fBnarrowgate.toml\fR(5), \fBnarrowgate\-fleet\fR(5), \fBsystemctl\fR(1), \fBjournalctl\fR(1)"]
    return "\n".join(lines) + "\n"


def inline(text):
    """Markdown of one line or cell as roff."""
    text = re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", text.replace(r"\|", "|"))
    return re.sub(r"`([^`]+)`|\*\*([^*]+)\*\*|([^`*]+|.)",
                  lambda part: bold(part[1]) if part[1] else bold(part[2]) if part[2] else roff(part[3]), text)


def sections_of(markdown):
    """[(level, title, body)] of a page."""
    parts = re.split(r"(?m)^(#+) (.*)$", markdown)[1:]
    return [(len(parts[i]), parts[i + 1].strip("`"), parts[i + 2].strip()) for i in range(0, len(parts), 3)]


def markdown_lines(body):
    lines = []
    for block in re.split(r"\n\s*\n", body):
        rows = block.splitlines()
        if rows and rows[0].startswith("|"):
            for row in rows[2:]:
                key, default, meaning = (cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip().strip("|")))
                lines += [".TP", inline(key), inline(f"{meaning}."), ".br", "Default: " + inline(default) + "."]
        elif rows:
            lines += [".PP", *(re.sub(r"^\.", r"\\&.", inline(row)) for row in rows)]
    return lines


def page_of_file(title, about, sections, common, version):
    name = title.lower()
    lines = heading(title, "5", version) + [".SH NAME", rf"{roff(name)} \- {roff(about)}", ".SH DESCRIPTION",
                                            *markdown_lines(common)]
    for level, heading_text, body in sections:
        if level > 2:
            lines.append(f".SH {roff(heading_text.upper() if heading_text.isalpha() else heading_text)}")
        lines += markdown_lines(body)
    lines += [".SH NOTES", "Pages named here by .md are in /usr/share/doc/narrowgate.".replace(" .md", r" \&.md"),
              ".SH SEE ALSO", r"\fBnarrowgate\fR(1), \fBnarrowgate.toml\fR(5), \fBnarrowgate\-fleet\fR(5)"]
    return "\n".join(lines) + "\n"


def pages_of_files(markdown, version):
    (_, _, common), *rest = sections_of(markdown)
    split = next(i for i, (_, title, _) in enumerate(rest) if title.startswith("fleets.d"))
    gateway = page_of_file("narrowgate.toml", "configuration of the Narrowgate gateway", rest[:split], common, version)
    fleet = page_of_file("narrowgate-fleet", "a fleet of nodes of the Narrowgate gateway", rest[split:], common, version)
    return gateway, fleet


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def bash_completion(top):
    lines = ["# bash completion for narrowgate(1); made by packaging/manual.py.", "_narrowgate() {",
             "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} path= word",
             "    for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do", "        case \"$path $word\" in"]
    paths = [" " + " ".join(command.path) for command in top.walk() if command.path]
    lines += ["            " + " | ".join(quoted(path) for path in paths) + ") path=\"$path $word\" ;;",
              "        esac", "    done", "    local words= values= files= directories= operands=", "    case \"$path\" in"]
    for command in top.walk():
        words = [entry.spec for entry in command.entries["Subcommands"]]
        words += [name for entry in command.entries["Options"] for name in entry.names if name.startswith("--")]
        by_kind = {"files": [], "directories": [], "values": []}
        for entry in command.options:
            if entry.value:
                by_kind[{"FILE": "files", "DIRECTORY": "directories"}.get(entry.value, "values")].append(entry.long)
        operands = "files" if any(e.value == "FILE" for e in command.entries["Positionals"]) else ""
        assignments = {"words": " ".join(words), **{kind: " ".join(names) for kind, names in by_kind.items()},
                       "operands": operands}
        path = quoted("".join(" " + word for word in command.path))
        lines.append(f"        {path}) " + " ".join(f"{name}={quoted(value)}" for name, value in assignments.items()
                                                    if value) + " ;;")
    lines += ["    esac",
              "    COMPREPLY=()",
              "    case \" $files \" in *\" $previous \"*) mapfile -t COMPREPLY < <(compgen -f -- \"$current\"); return ;; esac",
              "    case \" $directories \" in",
              "        *\" $previous \"*) mapfile -t COMPREPLY < <(compgen -d -- \"$current\"); return ;;",
              "    esac",
              "    case \" $values \" in *\" $previous \"*) return ;; esac",
              "    mapfile -t COMPREPLY < <(compgen -W \"$words\" -- \"$current\")",
              "    if [ \"$operands\" = files ] && [[ $current != -* ]]; then",
              "        mapfile -t -O \"${#COMPREPLY[@]}\" COMPREPLY < <(compgen -f -- \"$current\")",
              "    fi",
              "}",
              "complete -o filenames -F _narrowgate narrowgate"]
    return "\n".join(lines) + "\n"


def zsh_completion(top):
    def described(text):
        return re.sub(r"([\[\]:\\])", r"\\\1", text)

    def action(value):
        return {"FILE": "_files", "DIRECTORY": "_files -/"}.get(value, " ")

    paths = [" " + " ".join(command.path) for command in top.walk() if command.path]
    lines = ["#compdef narrowgate", "# Made by packaging/manual.py.", "_narrowgate() {",
             "    local path_ word; integer depth=0", "    for word in \"${(@)words[2,CURRENT-1]}\"; do",
             "        case \"$path_ $word\" in",
             "            (" + "|".join(quoted(path) for path in paths) + ") path_=\"$path_ $word\"; (( ++depth )) ;;",
             "        esac", "    done",
             "    # What follows sees the last command as if it stood alone.",
             "    (( CURRENT -= depth )); words=(\"$words[1]\" \"${(@)words[depth+2,-1]}\")",
             "    local -a subcommands", "    case \"$path_\" in"]
    for command in top.walk():
        lines.append(f"        ({quoted(''.join(' ' + word for word in command.path))})")
        if command.subcommands:
            items = " ".join(quoted(f"{entry.spec}:{entry.text}") for entry in command.entries["Subcommands"])
            lines += [f"            subcommands=({items})", "            _describe -t commands command subcommands"]
            plain = [entry for entry in command.entries["Options"]]
            lines.append("            _arguments " + " ".join(
                quoted(f"{entry.long}[{described(entry.text)}]") for entry in plain) + " ;;")
            continue
        specs = []
        for entry in command.entries["Options"]:
            spec = f"{entry.long}[{described(entry.text)}]"
            if entry.value:
                spec += f":{entry.value}:{action(entry.value)}"
            specs.append(quoted(spec))
        for number, entry in enumerate(command.entries["Positionals"], 1):
            colon = ":" if entry.required else "::"
            specs.append(quoted(f"{number}{colon}{entry.value or entry.spec}:{action(entry.value)}"))
        lines.append("            _arguments " + " ".join(specs) + " ;;")
    lines += ["    esac", "}", "_narrowgate \"$@\""]
    return "\n".join(lines) + "\n"


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--program", required=True, help="the built narrowgate")
    arguments.add_argument("--configuration", required=True, type=pathlib.Path, help="docs/configuration.md")
    arguments.add_argument("--to", required=True, type=pathlib.Path, help="directory of the results")
    wanted = arguments.parse_args()
    version = subprocess.run([wanted.program, "--version"], check=True, capture_output=True, text=True).stdout.split()[1]
    top = Command(wanted.program, [])
    gateway, fleet = pages_of_files(wanted.configuration.read_text(), version)
    wanted.to.mkdir(parents=True, exist_ok=True)
    for name, text in (("narrowgate.1", page_of_program(top, version)), ("narrowgate.toml.5", gateway),
                       ("narrowgate-fleet.5", fleet), ("narrowgate.bash", bash_completion(top)),
                       ("_narrowgate", zsh_completion(top))):
        (wanted.to / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
