"""`make test-deployed`: one emulator, one issuer and one deployed stack for all tests.

What they share is in `fixtures`; the gallery's tests, in `tests.browser`, share it too.
"""

import os

# The emulator is no part of `make test`: `make test-deployed` names the Python that has it.
collect_ignore_glob = [] if "EMULATOR" in os.environ else ["test_*.py"]
