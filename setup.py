"""What setup.cfg cannot say: the optional C way of the SNMP engine's hot path.

Without a C compiler or Python's headers (Debian: gcc, python3-dev) the install goes on without it.
"""

import os

from setuptools import Extension, setup

FAST = Extension(
    "collectors.snmp._fast",
    ["collectors/snmp/fast.c"],
    # -g0: the same sources give the same bytes, wherever they lie
    extra_compile_args=["-O2", "-std=gnu11", "-fno-plt", "-g0"],
    optional=True,
)

setup(ext_modules=[] if os.environ.get("NETOPS_NO_C", "0") not in {"", "0"} else [FAST])
