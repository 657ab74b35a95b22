"""The background thread and the jobs that window and command line share."""
