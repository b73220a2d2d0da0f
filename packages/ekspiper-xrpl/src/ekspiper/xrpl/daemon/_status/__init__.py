"""What the daemon is doing, as a document for programs and as a page for people."""

from .history import History as History
from .html_page import page as page
from .html_page import script as script
from .html_page import style as style
from .html_page import view as view
from .status import Status as Status

__all__ = ["History", "Status", "page", "script", "style", "view"]
