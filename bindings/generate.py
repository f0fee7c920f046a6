#!/usr/bin/env python3
"""Generates the declarations of the bindings from include/callrec.h.

    generate.py           writes them
    generate.py --check   fails if they are not those of the header
    generate.py --layout  prints a C program that prints the size and the offsets of each struct
"""

import re
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEADER = HERE.parent / "include" / "callrec.h"

# The constants of an enumeration begin with its prefix. A longer prefix comes first.
ENUMS = [
    ("REC_EVENT_FLAG_", "EventFlag", True),
    ("REC_EVENT_", "EventKind", False),
    ("REC_LEVEL_", "Level", False),
    ("REC_CALL_", "CallState", False),
    ("REC_CONSENT_", "Consent", False),
    ("REC_DIRECTION_", "Direction", False),
    ("REC_LEG_", "Leg", False),
    ("REC_LINE_", "LineFlag", True),
    ("REC_START_", "StartFlag", True),
    ("REC_LAYOUT_", "Layout", False),
    ("REC_PAUSE_", "PauseMode", False),
    ("REC_KEEP_RAW_", "KeepRaw", False),
    ("REC_CODEC_", "Codec", False),
    ("REC_STATE_", "State", False),
    ("REC_END_", "EndReason", False),
    ("REC_SUBSCRIBE_", "SubscribeFlag", True),
    ("REC_LOG_", "LogLevel", False),
    ("REC_GATEWAY_", "GatewayFlag", True),
    ("REC_AUTH_", "AuthMethod", False),
    ("REC_CONTROL_", "ControlOperation", False),
    ("REC_ERR_", "Status", False),
]
# They describe the header itself.
OTHER_CONSTANTS = re.compile(r"REC_VERSION_|REC_INIT$|REC_LOOKBACK_ALL$|REC_OK$")


@dataclass
class Field:
    type: str
    name: str
    count: int = 0


@dataclass
class Function:
    result: str
    name: str
    parameters: list


@dataclass
class Header:
    constants: dict
    comments: dict
    opaque: list
    structs: dict
    callbacks: dict
    functions: list


def parse(text: str) -> Header:
    comments = parse_comments(text)
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.S)
    constants = dict(re.findall(r"^#define (REC_\w+) (-?\d+)$", text, flags=re.M))
    opaque = re.findall(r"^typedef struct (rec_\w+) \1;", text, flags=re.M)
    structs = {}
    for body, name in re.findall(r"^typedef struct \{(.*?)^\} (rec_\w+);", text, flags=re.M | re.S):
        structs[name] = [parse_field(line) for line in body.split(";") if line.strip()]
    callbacks = {}
    for result, name, parameters in re.findall(
        r"^typedef ([\w \*]+?)\(\*(rec_\w+)\)\((.*?)\);", text, flags=re.M | re.S
    ):
        callbacks[name] = Function(result.strip(), name, parse_parameters(parameters))
    functions = []
    for result, name, parameters in re.findall(
        r"^((?:const )?\w+ \*?)(rec_\w+)\(([^;{]*?)\);", text, flags=re.M | re.S
    ):
        functions.append(Function(result.strip(), name, parse_parameters(parameters)))
    return Header({name: int(value) for name, value in constants.items()}, comments, opaque, structs, callbacks, functions)


def parse_comments(text: str) -> dict:
    """The first paragraph of the comment of each constant."""
    found = {}
    for comment, name in re.findall(r"^/\*\*((?:(?!\*/).)*?)\*/\n#define (REC_\w+) ", text, flags=re.M | re.S):
        lines = [line.strip().removeprefix("*").strip() for line in comment.strip().splitlines()]
        paragraph = " ".join(lines).split("  ")[0]
        found[name] = paragraph.replace("`", "")
    return found


def parse_field(line: str) -> Field:
    declared = " ".join(line.split())
    found = re.fullmatch(r"(.+?)(\w+)(?:\[(\w+)\])?", declared)
    if not found:
        raise SystemExit(f"callrec.h: cannot read the member {declared!r}")
    return Field(found[1].strip(), found[2], int(found[3] or 0))


def parse_parameters(text: str) -> list:
    text = " ".join(text.split())
    return [] if text == "void" else [parse_field(parameter) for parameter in text.split(",")]


def enums(header: Header):
    """The enumerations: name, whether it is one of flags, and its members."""
    left = {name: value for name, value in header.constants.items() if not OTHER_CONSTANTS.match(name)}
    found = []
    for prefix, name, is_flags in ENUMS:
        members = {one: left.pop(one) for one in list(left) if one.startswith(prefix)}
        named = {one.removeprefix(prefix): value for one, value in members.items()}
        if name == "Status":
            named = {"OK": 0, **named}
        if not members:
            raise SystemExit(f"callrec.h has no constant {prefix}…")
        found.append((name, is_flags, named))
    if left:
        raise SystemExit(f"generate.py: no enumeration for {', '.join(left)}")
    return found


# Python -------------------------------------------------------------------------------------------

PYTHON_TYPES = {
    "void": "None",
    "char": "c_char",
    "const char *": "c_char_p",
    "void *": "c_void_p",
    "const void *": "c_void_p",
    "int16_t": "c_int16",
    "uint8_t": "c_uint8",
    "int32_t": "c_int32",
    "uint32_t": "c_uint32",
    "int64_t": "c_int64",
    "uint64_t": "c_uint64",
    "size_t": "c_size_t",
    "rec_status": "c_int32",
}


def python_type(header: Header, c: str, callback: bool = False) -> str:
    c = c.replace("char *", "char *").strip()
    if c in PYTHON_TYPES:
        return PYTHON_TYPES[c]
    if c in header.structs or c in header.callbacks:
        return c
    if c.endswith("*"):
        target = c[:-1].strip().removeprefix("const ").strip()
        if target in header.opaque or target == "char":
            # A buffer for text, or a handle of plain memory.
            return "c_void_p"
        return f"POINTER({python_type(header, target, callback)})"
    raise SystemExit(f"generate.py: the type {c!r} is unknown")


def python_abi(header: Header) -> str:
    out = [
        '"""The C ABI of callrec. Generated from include/callrec.h; do not edit."""',
        "",
        "from ctypes import (",
        "    CDLL,",
        "    CFUNCTYPE,",
        "    POINTER,",
        "    Structure,",
        "    c_char,",
        "    c_char_p,",
        "    c_int16,",
        "    c_int32,",
        "    c_int64,",
        "    c_size_t,",
        "    c_uint8,",
        "    c_uint32,",
        "    c_uint64,",
        "    c_void_p,",
        ")",
        "",
        f"LOOKBACK_ALL = {header.constants['REC_LOOKBACK_ALL']}",
        "",
    ]
    # Structs and callbacks refer to one another, so the structs come first, without members.
    for name in header.structs:
        out += ["", f"class {name}(Structure):", "    pass", ""]
    for name, callback in header.callbacks.items():
        types = [python_type(header, callback.result, True)]
        types += [python_type(header, parameter.type, True) for parameter in callback.parameters]
        out += ["", f"{name} = CFUNCTYPE({', '.join(types)})"]
    out += [""]
    for name, fields in header.structs.items():
        out += ["", f"{name}._fields_ = ["]
        for field in fields:
            kind = python_type(header, field.type)
            out.append(f'    ("{field.name}", {kind} * {field.count}),' if field.count else f'    ("{field.name}", {kind}),')
        out.append("]")
    out += ["", "", "def declare(library: CDLL) -> CDLL:", '    """Sets the types of the library\'s functions."""']
    for function in header.functions:
        types = ", ".join(python_type(header, parameter.type) for parameter in function.parameters)
        out.append(f"    library.{function.name}.argtypes = [{types}]")
        out.append(f"    library.{function.name}.restype = {python_type(header, function.result)}")
    out += ["    return library", ""]
    return "\n".join(out)


def python_constants(header: Header) -> str:
    out = [
        '"""The constants of callrec. Generated from include/callrec.h, which describes them; do not edit."""',
        "",
        "from enum import IntEnum, IntFlag",
        "",
    ]
    for name, is_flags, members in enums(header):
        out += ["", f"class {name}({'IntFlag' if is_flags else 'IntEnum'}):", f'    """``{prefix_of(name)}…``"""', ""]
        out += [f"    {member} = {value}" for member, value in members.items()]
        out.append("")
    return "\n".join(out)


def prefix_of(name: str) -> str:
    return next(prefix for prefix, known, _ in ENUMS if known == name)


# C# -----------------------------------------------------------------------------------------------

CSHARP_TYPES = {
    "void": "void",
    "const char *": "IntPtr",
    "void *": "IntPtr",
    "const void *": "IntPtr",
    "int16_t": "short",
    "uint8_t": "byte",
    "int32_t": "int",
    "uint32_t": "uint",
    "int64_t": "long",
    "uint64_t": "ulong",
    "size_t": "UIntPtr",
    "rec_status": "int",
}
CSHARP_WORDS = {"event", "object", "string", "ref", "out", "in", "params", "checked", "fixed", "lock"}


def csharp_name(name: str) -> str:
    return f"@{name}" if name in CSHARP_WORDS else name


def csharp_type(header: Header, c: str) -> str:
    if c in CSHARP_TYPES:
        return CSHARP_TYPES[c]
    if c in header.structs or c in header.callbacks:
        return c
    return "IntPtr"


def csharp_handle(header: Header, c: str) -> str:
    """The class of a pointer to an opaque struct, such as SnapshotHandle; "" for other types."""
    target = c.removesuffix("*").strip().removeprefix("const ").strip()
    return f"{camel(target.removeprefix('rec_'))}Handle" if target in header.opaque else ""


def csharp_field(header: Header, field: Field) -> str:
    if field.count:
        return (
            f"        [MarshalAs(UnmanagedType.ByValArray, SizeConst = {field.count})] "
            f"public byte[] {csharp_name(field.name)};"
        )
    # A delegate as a member would need an instance that stays; the binding keeps it and stores its address.
    kind = "IntPtr" if field.type in header.callbacks else csharp_type(header, field.type)
    return f"        public {kind} {csharp_name(field.name)};"


def csharp_parameter(header: Header, field: Field) -> str:
    name, c = csharp_name(field.name), field.type
    if csharp_handle(header, c):
        return f"{csharp_handle(header, c)} {name}"
    target = c[:-1].strip().removeprefix("const ").strip() if c.endswith("*") else ""
    if target in header.structs:
        if c.startswith("const "):
            return f"IntPtr {name}"
        return f"ref {target} {name}"
    if target in ("uint32_t", "int32_t", "size_t"):
        return f"out {CSHARP_TYPES[target]} {name}"
    if target.endswith("*"):
        return f"out {csharp_handle(header, target) or 'IntPtr'} {name}"
    return f"{csharp_type(header, c)} {name}"


def csharp_constants(header: Header) -> str:
    out = [
        "// The constants of callrec. Generated from include/callrec.h; do not edit.",
        "",
        "using System;",
        "",
        "namespace Callrec",
        "{",
    ]
    for name, is_flags, members in enums(header):
        unsigned = is_flags and max(members.values()) > 0x7FFFFFFF
        prefix = prefix_of(name)
        out += [f"    /// <summary>{prefix}… of callrec.h.</summary>", *(["    [Flags]"] if is_flags else [])]
        out += [f"    public enum {name}{' : uint' if unsigned else ''}", "    {"]
        for member, value in members.items():
            constant = "REC_OK" if (name, member) == ("Status", "OK") else prefix + member
            out += [f"        /// <summary>{xml(header.comments[constant])}</summary>", f"        {camel(member)} = {value},"]
        out += ["    }", ""]
    return "\n".join(out[:-1] + ["}", ""])


def csharp_abi(header: Header) -> str:
    out = [
        "// The C ABI of callrec. Generated from include/callrec.h, which describes it; do not edit.",
        "",
        "using System;",
        "using System.Runtime.InteropServices;",
        "",
        "namespace Callrec",
        "{",
    ]
    out += ["    internal static class Abi", "    {", '        internal const string Library = "callrec";', f"        internal const uint LookbackAll = {header.constants['REC_LOOKBACK_ALL']};", ""]
    for name, fields in header.structs.items():
        out += ["        [StructLayout(LayoutKind.Sequential)]", f"        internal struct {name}", "        {"]
        out += ["    " + csharp_field(header, field) for field in fields]
        out += ["        }", ""]
    for name, callback in header.callbacks.items():
        parameters = ", ".join(f"{callback_type(header, one)} {csharp_name(one.name)}" for one in callback.parameters)
        result = csharp_type(header, callback.result)
        out += ["        [UnmanagedFunctionPointer(CallingConvention.Cdecl)]", f"        internal delegate {result} {name}({parameters});", ""]
    for function in header.functions:
        parameters = ", ".join(csharp_parameter(header, one) for one in function.parameters)
        if function.name.endswith("_free"):
            # The class of the handle calls it with the address.
            parameters = f"IntPtr {csharp_name(function.parameters[0].name)}"
        overloads = [parameters]
        if any(one.type == "const void *" for one in function.parameters):
            # Bytes of an array as well as of native memory.
            overloads.append(re.sub(r"IntPtr (data|packet)", r"byte[] \1", parameters))
        for overload in overloads:
            out += [
                "        [DllImport(Library, CallingConvention = CallingConvention.Cdecl)]",
                f"        internal static extern {csharp_type(header, function.result)} {function.name}({overload});",
                "",
            ]
    return "\n".join(out[:-1] + ["    }", "}", ""])


def callback_type(header: Header, field: Field) -> str:
    return csharp_type(header, field.type)


def xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def camel(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


# The tests of the bindings ------------------------------------------------------------------------


def layout_program(header: Header) -> str:
    """A C program. Each line it prints is the name of a struct or of a member, and its size or offset."""
    lines = []
    for name, fields in header.structs.items():
        lines.append(f'    printf("{name} %zu\\n", sizeof({name}));')
        lines += [f'    printf("{name}.{one.name} %zu\\n", offsetof({name}, {one.name}));' for one in fields]
    body = "\n".join(lines)
    return f"#include <callrec.h>\n#include <stdio.h>\nint main(void)\n{{\n{body}\n    return 0;\n}}\n"


# --------------------------------------------------------------------------------------------------


def main() -> None:
    header = parse(HEADER.read_text())
    if "--layout" in sys.argv[1:]:
        print(layout_program(header), end="")
        return
    files = {
        HERE / "python" / "callrec" / "_abi.py": python_abi(header),
        HERE / "python" / "callrec" / "constants.py": python_constants(header),
        HERE / "dotnet" / "Callrec" / "Abi.cs": csharp_abi(header),
        HERE / "dotnet" / "Callrec" / "Constants.cs": csharp_constants(header),
    }
    for path, text in files.items():
        if "--check" not in sys.argv[1:]:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            raise SystemExit(f"{path.relative_to(HERE.parent)} is not that of include/callrec.h: run bindings/generate.py")


if __name__ == "__main__":
    main()
