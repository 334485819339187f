# SPDX-License-Identifier: Apache-2.0
"""Flash and RAM of an image by component: from the linker's map, and the node's own object by its debug information."""

import re
import sys
import pathlib

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "system"))
from stage import check, must  # noqa: E402

RAM_START = 0x20000000
# Which object files are which component, the first that fits.
COMPONENTS = [
    ("DTLS client", r"firmware_dtls\.a\((client|pool|stored)\.c|/dtls/pool\.c"),
    ("mbedTLS", r"firmware_dtls\.a\(|libmbedtls_\d+\.a\("),
    ("CoAP", r"firmware_coap\.a\("),
    ("SenML", r"firmware_senml\.a\("),
    ("AT and modem", r"firmware_(at|modem)\.a\("),
    ("node", r"firmware_(app|base|provisioning|readings)\.a\("),
    ("board", r"boards/|main\.c"),
    ("base", r"/base/"),
    ("C library", r"lib(c|g|m|gcc)(_nano)?\.a\("),
]
# Members of nd_node, by component.
NODE_MEMBERS = {"provisioning": "provisioning", "modem": "AT and modem", "dtls": "DTLS client", "coap": "CoAP",
                "pack": "message buffers", "plain": "message buffers"}


def tool(name, *arguments):
    return must([f"arm-none-eabi-{name}", *arguments])


def sections(image):
    """{section: bytes} of those in flash, and of those in RAM; variables with a first value are in both."""
    flash, ram = {}, {}
    for name, size, address, flags in re.findall(r"^ +\d+ (\S+) +(\w+) +(\w+) +.*\n +(.*)$", tool("objdump", "-h", image), re.M):
        if "ALLOC" in flags:
            if "LOAD" in flags.split(", "):
                flash[name] = int(size, 16)
            if int(address, 16) >= RAM_START:
                ram[name] = int(size, 16)
    return flash, ram


def inputs(map_file):
    """(output section, bytes, object file) of all that was linked."""
    text = map_file.read_text().split("\nLinker script and memory map\n", 1)[1]
    text = re.sub(r"\n {10,}(0x[0-9a-f]+ +0x)", r" \1", text)  # a long name has its line alone
    found, output = [], None
    for line in text.splitlines():
        if head := re.match(r"(\.\S+)\s+0x", line):
            output = head[1]
        elif part := re.match(r" (?:\.\S+|COMMON|\*fill\*) +0x([0-9a-f]+) +0x([0-9a-f]+) ?(.*)$", line):
            found.append((output, int(part[1], 16), int(part[2], 16), part[3]))
    # Strings that were merged with others are said to have their sizes still: they end where the next part begins.
    ends = [after[1] if after[0] == part[0] else part[1] + part[2] for part, after in zip(found, found[1:] + [found[-1]])]
    return [(output, min(size, max(end - at, 0)), file) for (output, at, size, file), end in zip(found, ends) if file]


def component_of(object_file):
    return next((name for name, pattern in COMPONENTS if re.search(pattern, object_file)), "other")


def by_component(image, map_file):
    """{component: (flash, RAM)}; their sums are the sections' sizes, to the byte."""
    in_flash, in_ram = sections(image)
    flash, ram = {}, {"stack": in_ram[".stack"]}
    for output, size, object_file in inputs(map_file):
        name = component_of(object_file)
        check(name != "other" or output not in in_flash | in_ram, f"{object_file} belongs to no component")
        if output in in_flash:
            flash[name] = flash.get(name, 0) + size
        if output in in_ram:
            ram[name] = ram.get(name, 0) + size
    for found, sizes in ((flash, in_flash), (ram, in_ram)):
        rest = sum(sizes.values()) - sum(found.values())
        check(0 <= rest < 256, f"{rest} bytes of {image} are nobody's: {sizes}")
        found["alignment"] = rest
    return {name: (flash.get(name, 0), ram.get(name, 0)) for name in {**flash, **ram}}


def totals(image):
    """(flash, static RAM with the stack's reserve)."""
    return tuple(sum(sizes.values()) for sizes in sections(image))


def members(debug_information, struct):
    """(name, bytes) of each member of a structure."""
    head = re.search(rf"DW_TAG_structure_type\)\n +<\w+> +DW_AT_name +: .*{struct}\n +<\w+> +DW_AT_byte_size +: (\d+)",
                     debug_information)
    check(head, f"the debug information does not know {struct}")
    body = debug_information[head.end():].split("\n <1>", 1)[0]
    found = re.findall(r"DW_TAG_member\)\n +<\w+> +DW_AT_name +: (?:.*\): )?(\w+)\n(?:(?! <2>).*\n)*?"
                       r" +<\w+> +DW_AT_data_member_location: (\d+)", body + "\n")
    starts = [int(at) for _, at in found] + [int(head[1])]
    return [(name, starts[n + 1] - starts[n]) for n, (name, _) in enumerate(found)]


def node_object(image):
    """{component: bytes} of nd_node, the one object that holds the node; the DTLS client's pool is named alone."""
    information = tool("objdump", "--dwarf=info", image)
    sizes = {}
    for name, size in members(information, "nd_node"):
        component = NODE_MEMBERS.get(name, "node")
        sizes[component] = sizes.get(component, 0) + size
    pool = dict(members(information, "dt_pool"))["memory"]
    sizes["TLS pool"] = pool
    sizes["DTLS client"] -= pool
    return sizes
