"""How far one gets on a task without the image; imports no torch."""

from gvt.audit.audit import AUDIT_VERSION, Audit, Figure, audit
from gvt.audit.questions import NotAuditableError, Questions, from_file, from_task

__all__ = [
    "AUDIT_VERSION",
    "Audit",
    "Figure",
    "NotAuditableError",
    "Questions",
    "audit",
    "from_file",
    "from_task",
]
