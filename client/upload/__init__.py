"""Uploads files as they are: one object, one segment and one flow for each."""

from client.upload.choosing import chosen
from client.upload.labels import Labels
from client.upload.planning import Plan, plan
from client.upload.uploading import Outcome, State, Uploading

__all__ = ["Labels", "Outcome", "Plan", "State", "Uploading", "chosen", "plan"]
