"""Loaded by every Python that finds this folder on PYTHONPATH: `imgindex` and its workers then note their stages."""

import os
from pathlib import Path

import stage_times

stage_times.install(Path(os.environ[stage_times.FOLDER]))
