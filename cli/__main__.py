"""`python -m mmcot.cli`, for `torchrun`."""

import sys

from .main import main


sys.exit(main())
