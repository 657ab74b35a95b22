"""Modal questions; each ``ask`` returns a frozen value, or ``None`` where the user cancelled."""

from annotator.ui.dialogs.absent import AskAbsentDialog
from annotator.ui.dialogs.export import ExportDialog, ExportKind, ExportRequest
from annotator.ui.dialogs.form import Choice
from annotator.ui.dialogs.import_ import ImportDialog, ImportRequest
from annotator.ui.dialogs.learner import LearnerDialog
from annotator.ui.dialogs.project import AuthorDialog, NewProject, NewProjectDialog
from annotator.ui.dialogs.shortcuts import ActionKey, ShortcutsDialog
from annotator.ui.dialogs.spacing import ConfirmSpacingDialog, SpacingQuestion

__all__ = [
    "ActionKey",
    "AskAbsentDialog",
    "AuthorDialog",
    "Choice",
    "ConfirmSpacingDialog",
    "ExportDialog",
    "ExportKind",
    "ExportRequest",
    "ImportDialog",
    "ImportRequest",
    "LearnerDialog",
    "NewProject",
    "NewProjectDialog",
    "ShortcutsDialog",
    "SpacingQuestion",
]
