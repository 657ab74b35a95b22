"""Long work that the window and the command line share: import, export, predict, evaluate, train, simulate."""
