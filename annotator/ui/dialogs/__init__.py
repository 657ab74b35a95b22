"""Modal questions; each ``ask`` returns a frozen value, or ``None`` where the user cancelled."""

from annotator.ui.dialogs.absent import AskAbsentDialog
from annotator.ui.dialogs.domain import DomainDialog
from annotator.ui.dialogs.export import ExportDialog, ExportKind, ExportRequest
from annotator.ui.dialogs.form import Choice
from annotator.ui.dialogs.import_ import ImportDialog, ImportRequest
from annotator.ui.dialogs.learner import LearnerDialog
from annotator.ui.dialogs.patient import EACH_NEW, NEW_PATIENT, PatientChoice, PatientDialog, PatientQuestion
from annotator.ui.dialogs.project import AuthorDialog, NewProject, NewProjectDialog
from annotator.ui.dialogs.replace import AskReplaceDialog, ReplaceQuestion
from annotator.ui.dialogs.shortcuts import ActionKey, ShortcutsDialog
from annotator.ui.dialogs.spacing import ConfirmSpacingDialog, SpacingQuestion
from annotator.ui.dialogs.split import SPLIT_WORDS, AskSplitDialog

__all__ = [
    "EACH_NEW",
    "NEW_PATIENT",
    "SPLIT_WORDS",
    "ActionKey",
    "AskAbsentDialog",
    "AskReplaceDialog",
    "AskSplitDialog",
    "AuthorDialog",
    "Choice",
    "ConfirmSpacingDialog",
    "DomainDialog",
    "ExportDialog",
    "ExportKind",
    "ExportRequest",
    "ImportDialog",
    "ImportRequest",
    "LearnerDialog",
    "NewProject",
    "NewProjectDialog",
    "PatientChoice",
    "PatientDialog",
    "PatientQuestion",
    "ReplaceQuestion",
    "ShortcutsDialog",
    "SpacingQuestion",
]
