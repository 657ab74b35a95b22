"""The learner: allowed-set losses, label dropout, teacher and student, metrics, weights."""
