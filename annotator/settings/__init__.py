"""The user's own settings, such as the author's name and edited shortcuts."""

from annotator.settings.user import UserSettings, load_settings, save_changes, save_settings, settings_path

__all__ = ["UserSettings", "load_settings", "save_changes", "save_settings", "settings_path"]
