"""Finds parts that can be added: tools, backends, edits, policies, judges, checks, sources, writers, exports, engines.

A part is found in one of three ways:

    by file name     a module in the folder of its kind; a name that begins with `_` is a helper
    by entry point   an installed package registers it in the entry point group of its kind
    FILE.py          a file of the user, named on the command line, in a profile or in `CANVASAGENT_PLUGINS`

Each kind is one `Kind` in the package that holds its parts. Names are listed without an import. A record or dataset
never names a file that is imported: `canvasagent.record.trust` refuses it.
"""

from canvasagent.plugins.files import (
    PLUGINS_VARIABLE,
    PluginFile,
    import_problem,
    names_file,
    plugin_files,
    using_plugin_files,
)
from canvasagent.plugins.kind import Kind, modules_in, unknown_name

__all__ = [
    "PLUGINS_VARIABLE",
    "Kind",
    "PluginFile",
    "import_problem",
    "modules_in",
    "names_file",
    "plugin_files",
    "unknown_name",
    "using_plugin_files",
]
