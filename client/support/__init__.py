"""Gathers what a bug report needs, without secrets, media and documents."""
