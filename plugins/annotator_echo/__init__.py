"""Echocardiography: protocols, simulated clips, volumes. Everything cardiac lives here."""
