"""One file for each layout that a data set may come in, and the list of them."""

from .aokvqa import AOKVQA
from .hub import HUB
from .image_folder import IMAGE_FOLDER
from .saved import SAVED
from .scienceqa import SCIENCEQA
from .split_files import SPLIT_FILES
from .table import TABLE
from .tabmwp import TABMWP


# The first that knows a spec reads it.
LAYOUTS = (SCIENCEQA, AOKVQA, TABMWP, SAVED, TABLE, SPLIT_FILES, IMAGE_FOLDER, HUB)
