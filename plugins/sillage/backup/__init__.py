"""A backup of an installation, and its restore into an empty one (docs/backup.md): folders of Postgres' own dumps with a manifest."""

from .databases import Databases
from .making import make
from .manifest import Backup, BackupError, open_backup
from .postgres_tools import Tools
from .restoring import repeat_erasures, restore

__all__ = ["Backup", "BackupError", "Databases", "Tools", "make", "open_backup", "repeat_erasures", "restore"]
