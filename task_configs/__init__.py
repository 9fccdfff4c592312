"""Task YAMLs: values only. lmms-eval finds this folder without a flag once the package is installed."""

from pathlib import Path

FOLDER = Path(__file__).parent
