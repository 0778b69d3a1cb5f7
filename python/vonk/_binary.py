"""Finds the `vonk` executable that belongs to this package."""

import os
import shutil
import sys
import sysconfig


def find_binary():
    """The path of the executable: `$VONK_BIN`, beside this interpreter, in the user scheme, on PATH."""
    name = "vonk" + (sysconfig.get_config_var("EXE") or "")
    looked = []
    override = os.environ.get("VONK_BIN")
    if override:
        return override
    places = [
        sysconfig.get_path("scripts"),
        os.path.join(sys.prefix, "bin"),
        sysconfig.get_path("scripts", scheme=sysconfig.get_preferred_scheme("user")),
        # `pip install --target`: <target>/vonk/_binary.py and <target>/bin/vonk
        os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "bin"),
    ]
    for place in places:
        path = os.path.join(place, name)
        looked.append(path)
        if os.path.isfile(path):
            return path
    on_path = shutil.which(name)
    if on_path:
        return on_path
    raise FileNotFoundError("the vonk executable was not found; looked at " + ", ".join(looked) + " and PATH")
